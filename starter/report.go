package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/stream"
	"temporal-streaming/starter/internal/control"
)

// streamReport is all that is known of one stream, from three sources: the workflow
// (which shards, which model), the heartbeats of its segments (live figures), and
// Kafka's committed offsets (the truth, asked for where the others are silent).
type streamReport struct {
	Pipeline    string           `json:"pipeline"`
	State       string           `json:"state"` // starting, running, stopping, or how the workflow ended; unknown without Temporal
	Model       job.ModelRef     `json:"model,omitzero"`
	Orders      job.Orders       `json:"orders,omitzero"`
	Workers     []string         `json:"workers,omitempty"` // that have offered themselves
	Shards      []shardReport    `json:"shards"`
	Partitions  []partitionState `json:"partitions"`
	Stages      []job.Stage      `json:"stages,omitempty"` // of a stream whose features have a history
	Records     int64            `json:"records"`          // of the source, since the loops started
	Predictions int64            `json:"predictions"`
	DeadLetters int64            `json:"dead_letters"`
	Lag         int64            `json:"lag"` // over all partitions, -1 unknown
	Rate        float64          `json:"records_per_second"`
	P50Millis   float64          `json:"p50_ms"` // of the slowest shard
	P99Millis   float64          `json:"p99_ms"`
	Replay      int64            `json:"replay,omitempty"`     // offsets that are read again, to know what was before, until which nothing is scored
	LastError   string           `json:"last_error,omitempty"` // the newest after which its shard has not committed yet
	LastErrorAt time.Time        `json:"last_error_at,omitzero"`
	WaitsFor    string           `json:"waits_for,omitempty"` // a step of the stream that fails and is tried again, with its last error
	Stuck       string           `json:"stuck,omitempty"`     // why records of a shard wait and none is scored, and what to do
	Note        string           `json:"note,omitempty"`
	Problem     string           `json:"problem,omitempty"` // what could not be found out, and why
	Started     time.Time        `json:"started,omitzero"`
	Closed      time.Time        `json:"closed,omitzero"`
	WorkflowID  string           `json:"workflow_id"`
	TemporalURL string           `json:"temporal_url"`
}

// shardReport is one loop.
type shardReport struct {
	ID          int       `json:"id"`
	Stage       int       `json:"stage,omitempty"`
	Partitions  []int32   `json:"partitions"`
	State       string    `json:"state"`
	Worker      string    `json:"worker,omitempty"`
	Segment     int64     `json:"segment"`
	Model       string    `json:"model,omitempty"` // NAME@VERSION that its loop scores with now, from the heartbeat
	Stuck       string    `json:"stuck,omitempty"` // why its records wait and none is scored, or results are kept from readers, and what to do
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"` // zero: not known
}

// partitionState is one input partition.
type partitionState struct {
	Stage     int   `json:"stage,omitempty"`
	Partition int32 `json:"partition"`
	Shard     int   `json:"shard"`  // -1 unknown
	Offset    int64 `json:"offset"` // next to be read, -1 nothing committed
	End       int64 `json:"end"`    // -1 unknown
	Lag       int64 `json:"lag"`    // -1 unknown
}

// ended reports that the workflow is closed.
func (r streamReport) ended() bool {
	switch r.State {
	case string(job.StreamStarting), string(job.StreamRunning), string(job.StreamStopping), stateUnknown:
		return false
	}
	return true
}

const stateUnknown = "unknown"

// reportStream puts together what is known of a stream. It takes a few seconds at most
// and never fails: what cannot be found out is said in Problem.
func (a *app) reportStream(ctx context.Context, t controlPlane, cfg config.Config, x control.Execution) streamReport {
	r := streamReport{
		Pipeline: x.Pipeline, State: x.State, WorkflowID: x.WorkflowID, Started: x.Started, Closed: x.Closed, Lag: -1,
		Shards: []shardReport{}, Partitions: []partitionState{}, TemporalURL: cfg.WorkflowURL(x.WorkflowID, ""),
	}
	if r.State == "" {
		r.State = stateUnknown
	}
	if x.Running {
		a.askStream(ctx, t, x.Run, &r)
	}
	if len(r.Partitions) == 0 {
		a.askKafka(ctx, cfg, &r)
	}
	r.sum()
	return r
}

// askStream fills in what Temporal and, through it, the workers know.
func (a *app) askStream(ctx context.Context, t controlPlane, run control.Run, r *streamReport) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	live, err := t.Describe(ctx, control.Run{WorkflowID: run.WorkflowID})
	if err != nil {
		r.Problem = "Temporal does not tell how it is: " + reasonOf(err)
		return
	}
	if r.Closed = live.Closed; !live.Running {
		r.State = live.State
		return
	}
	r.WaitsFor = failingStep(live.Pending)
	status, err := t.StreamStatus(ctx, control.Run{WorkflowID: run.WorkflowID})
	switch {
	case errors.Is(err, control.ErrNoAnswer):
		r.Problem = "No worker answers for the workflow; figures are from the last heartbeat."
	case err != nil:
		r.Problem = reasonOf(err)
	default:
		r.State, r.Model, r.Note, r.Started = string(status.State), status.Plan.Model, status.Note, status.Started
		r.Orders, r.Stages = status.Plan.Orders, status.Plan.Stages
		for _, w := range status.Workers {
			r.Workers = append(r.Workers, w.Worker)
		}
	}
	for _, s := range status.Shards {
		p, beats := heartbeat(live.Pending, s.Shard)
		if !beats {
			r.add(s.Last, s.Shard.Stage, s.Shard.ID)
		}
		shard := reportShard(s, beats && p.LastCommit.After(s.Since))
		if beats && p.Model.Name != "" {
			shard.Model = p.Model.Name + "@" + p.Model.Version
		}
		if beats {
			shard.Stuck = p.Stuck
		}
		r.Shards = append(r.Shards, shard)
	}
	for _, activity := range live.Pending {
		if p, ok := activity.Shard(); ok {
			r.add(p, p.Stage, r.shardOf(p.Stage, p.Partitions[0].Partition))
		}
	}
}

// reportShard leaves out the error that ended a segment once the shard has recovered: a
// loop has committed since the shard entered its state, which it did after the error.
func reportShard(s job.ShardStatus, recovered bool) shardReport {
	r := shardReport{ID: s.Shard.ID, Stage: s.Shard.Stage, Partitions: s.Shard.Partitions, State: string(s.State), Worker: s.Lease.Worker, Segment: s.Segment}
	if s.LastError == "" || recovered {
		return r
	}
	r.LastError = s.LastError
	if s.State == job.ShardLeasing {
		r.LastErrorAt = s.Since // leasing began with it
	}
	return r
}

// heartbeat finds the live progress of a shard.
func heartbeat(pending []control.Activity, shard job.Shard) (job.Progress, bool) {
	for _, activity := range pending {
		p, ok := activity.Shard()
		for i := 0; ok && p.Stage == shard.Stage && i < len(shard.Partitions); i++ {
			if shard.Partitions[i] == p.Partitions[0].Partition {
				return p, true
			}
		}
	}
	return job.Progress{}, false
}

func (r *streamReport) shardOf(stage int, partition int32) int {
	for _, s := range r.Shards {
		for _, p := range s.Partitions {
			if s.Stage == stage && p == partition {
				return s.ID
			}
		}
	}
	return -1
}

// add counts a shard's figures in. What is read and how fast is told of the source: later stages read it again.
func (r *streamReport) add(p job.Progress, stage, shard int) {
	if stage == 0 {
		r.Records += p.Records
		r.Rate += p.RatePerSecond
	}
	r.Replay += p.Replay
	r.Predictions += p.Predictions
	r.DeadLetters += p.DeadLetters
	r.P50Millis, r.P99Millis = max(r.P50Millis, p.P50Millis), max(r.P99Millis, p.P99Millis)
	if r.Model.Name == "" {
		r.Model = p.Model
	}
	if p.LastError != "" && !p.LastCommit.After(p.LastErrorAt) && !p.LastErrorAt.Before(r.LastErrorAt) {
		r.LastError, r.LastErrorAt = p.LastError, p.LastErrorAt
	}
	for _, q := range p.Partitions {
		r.Partitions = append(r.Partitions, partitionState{Stage: stage, Partition: q.Partition, Shard: shard, Offset: q.Offset, End: q.High, Lag: q.Lag})
	}
}

// askKafka reads the group's committed offsets.
func (a *app) askKafka(ctx context.Context, cfg config.Config, r *streamReport) {
	d, err := a.pipeline(r.Pipeline)
	if err != nil {
		return // a stream of another program's pipeline: its topic is not known here
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	for stage, topic := range topicsRead(d) {
		positions, err := a.reach.kafka.group(ctx, kafkaOf(cfg), stream.GroupID(r.Pipeline), topic)
		if err != nil {
			r.Problem = joinSentences(r.Problem, "Kafka does not tell the offsets: "+reasonOf(kafkaProblem(cfg, r.Pipeline, err))+".")
			return
		}
		for _, p := range positions {
			r.Partitions = append(r.Partitions, partitionState{Stage: stage, Partition: p.Partition, Shard: r.shardOf(stage, p.Partition), Offset: p.Committed, End: p.End, Lag: p.Lag()})
		}
	}
}

// topicsRead are those that a stream of a pipeline reads, by stage.
func topicsRead(d *pipeline.Definition) []string {
	var topics []string
	for _, s := range d.Stages() {
		topics = append(topics, s.Topic)
	}
	if d.LooksAtLabels() {
		topics = append(topics, d.Label.Topic)
	}
	return topics
}

// sum adds up what belongs to the whole stream.
func (r *streamReport) sum() {
	if len(r.Partitions) > 0 {
		r.Lag = 0
	}
	for _, p := range r.Partitions {
		if p.Lag < 0 {
			r.Lag = -1
			break
		}
		r.Lag += p.Lag
	}
	for _, s := range r.Shards {
		if s.LastError != "" {
			r.LastError, r.LastErrorAt = s.LastError, s.LastErrorAt // newer than the loop's own: the shard is not running
		}
		if r.Stuck == "" && s.Stuck != "" {
			r.Stuck = fmt.Sprintf("shard %d on %s: %s", s.ID, s.Worker, s.Stuck)
		}
	}
	sortPartitions(r.Partitions)
}

func joinSentences(a, b string) string {
	if a == "" {
		return b
	}
	return a + " " + b
}

func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
