package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/screen"
)

func streamsTable(s screen.Style, streams []streamReport, now time.Time) string {
	var rows [][]string
	for _, r := range streams {
		model := "-"
		if r.Model.Name != "" {
			model = r.Model.Name + "@" + r.Model.Version
		}
		row := []string{r.Pipeline, stateText(s, r, now), model, fmt.Sprint(len(r.Shards)), lagText(s, r.Lag)}
		if len(r.Shards) == 0 { // nobody reports figures
			row = append(row, "-", "-", "-", "-", "-")
		} else {
			dead := screen.Count(r.DeadLetters)
			if r.DeadLetters > 0 {
				dead = s.Warn(dead)
			}
			row = append(row, screen.Rate(r.Rate), screen.Millis(r.P50Millis), screen.Millis(r.P99Millis), screen.Count(r.Predictions), dead)
		}
		rows = append(rows, row)
	}
	return s.Table([]screen.Column{
		{Name: "pipeline"}, {Name: "state"}, {Name: "model"}, {Name: "shards", Right: true}, {Name: "lag", Right: true},
		{Name: "rate", Right: true}, {Name: "p50", Right: true}, {Name: "p99", Right: true},
		{Name: "predictions", Right: true}, {Name: "dead letters", Right: true},
	}, rows)
}

func stateText(s screen.Style, r streamReport, now time.Time) string {
	if r.State == string(job.StreamRunning) && r.Orders.Paused {
		return s.Warn("paused") + s.Dim(since(r.Started, now))
	}
	switch r.State {
	case string(job.StreamRunning):
		return s.Good(r.State) + s.Dim(since(r.Started, now))
	case string(job.StreamStarting), string(job.StreamStopping):
		return s.Warn(r.State) + s.Dim(since(r.Started, now))
	case "completed":
		return "stopped" + s.Dim(since(r.Closed, now))
	case stateUnknown:
		return s.Dim(r.State)
	default:
		return s.Bad(r.State) + s.Dim(since(r.Closed, now))
	}
}

func since(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " " + screen.Span(now.Sub(t))
}

func lagText(s screen.Style, lag int64) string {
	if lag > 0 {
		return s.Warn(screen.Count(lag))
	}
	return screen.Lag(lag)
}

// streamDetail is a stream's partitions and whatever a person may want to follow up.
func streamDetail(s screen.Style, r streamReport, now time.Time) string {
	out := s.Strong(r.Pipeline) + "\n"
	if len(r.Partitions) > 0 {
		var rows [][]string
		for _, p := range r.Partitions {
			shard, worker := shardCells(r, p)
			rows = append(rows, []string{placeText(r.Partitions, p), offsetText(p.Offset), screen.Lag(p.End), lagText(s, p.Lag), shard, worker})
		}
		out += s.Table([]screen.Column{
			{Name: "partition", Right: true}, {Name: "offset", Right: true}, {Name: "end", Right: true}, {Name: "lag", Right: true},
			{Name: "shard"}, {Name: "worker"},
		}, rows)
	}
	replay := ""
	if r.Replay > 0 {
		replay = screen.Count(r.Replay) + " offsets are read again, to know what was before; then it goes on to score"
	}
	var pairs [][2]string
	for _, pair := range [][2]string{
		{"orders", ordersText(s, r)}, {"workers", rosterText(r.Workers, r.Shards)}, {"stages", stagesText(r.Stages)},
		{"replay", s.Warn(replay)}, {"note", r.Note}, {"problem", s.Warn(r.Problem)},
		{"waits for", s.Warn(r.WaitsFor)}, {"stuck", s.Bad(r.Stuck)}, {"last error", errorText(s, r, now)},
		{"Temporal", s.Accent(r.TemporalURL)}, {"MLflow", s.Accent(r.Model.URL)},
	} {
		if pair[1] != "" {
			pairs = append(pairs, pair)
		}
	}
	return out + s.Pairs(pairs)
}

// ordersText says what the stream was told besides to run, and who does not obey yet.
func ordersText(s screen.Style, r streamReport) string {
	var parts []string
	if r.Orders.Paused {
		parts = append(parts, s.Warn("paused; go on: starter resume "+r.Pipeline))
	}
	if r.Orders.PerSecond > 0 {
		parts = append(parts, s.Warn("at most "+screen.Rate(r.Orders.PerSecond)))
	}
	for _, sh := range r.Shards {
		if sh.Model != "" && r.Model.Name != "" && sh.Model != r.Model.Name+"@"+r.Model.Version {
			parts = append(parts, s.Warn(fmt.Sprintf("shard %d still scores with %s", sh.ID, sh.Model)))
		}
	}
	if r.Orders.Generation > 0 {
		parts = append(parts, fmt.Sprintf("generation %d", r.Orders.Generation))
	}
	return strings.Join(parts, "; ")
}

func errorText(s screen.Style, r streamReport, now time.Time) string {
	if r.LastError == "" || r.LastErrorAt.IsZero() {
		return s.Warn(r.LastError)
	}
	return s.Dim(screen.Span(now.Sub(r.LastErrorAt))+" ago: ") + s.Warn(r.LastError)
}

func shardCells(r streamReport, p partitionState) (shard, worker string) {
	i := slices.IndexFunc(r.Shards, func(sh shardReport) bool { return sh.ID == p.Shard })
	if i < 0 {
		return "", ""
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", p.Shard, r.Shards[i].State)), r.Shards[i].Worker
}

// placeText names a partition, and its stage where there are several.
func placeText(all []partitionState, p partitionState) string {
	if slices.ContainsFunc(all, func(q partitionState) bool { return q.Stage > 0 }) {
		return fmt.Sprintf("%d of stage %d", p.Partition, p.Stage)
	}
	return fmt.Sprint(p.Partition)
}

// stagesText says what each stage of a stream reads.
func stagesText(stages []job.Stage) string {
	parts := make([]string, len(stages))
	for i, s := range stages {
		what := "by " + s.Key
		if s.Kind == job.StageLabels {
			what = "labels"
		}
		parts[i] = fmt.Sprintf("%d %s (%s)", i, s.Topic, what)
	}
	return strings.Join(parts, ", ")
}

func offsetText(offset int64) string {
	if offset < 0 {
		return "none"
	}
	return screen.Count(offset)
}
