package main

import (
	"fmt"
	"slices"

	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/screen"
)

// resultScreen is the end of a training run: the new model beside the champion on
// the same rows, what was decided and why, and where to look.
func resultScreen(s screen.Style, r job.TrainResult, temporalURL string) string {
	verdict := s.Good(fmt.Sprintf("Promoted: %s version %s is the champion.", r.Logged.Model, r.Logged.Version))
	if !r.Decision.Promote {
		verdict = s.Warn(fmt.Sprintf("Rejected: %s version %s.", r.Logged.Model, r.Logged.Version))
		if r.Champion != "" {
			verdict += s.Warn(fmt.Sprintf(" Version %s stays the champion.", r.Champion))
		}
	}
	out := verdict + "\n"
	for _, reason := range r.Decision.Reasons {
		out += "  " + reason + "\n"
	}
	out += "\n" + qualityTable(s, r.Validated) + "\n"
	v := r.Validated
	source := fmt.Sprintf("%s, %s rows", r.Dataset.Source, screen.Count(r.Dataset.Rows))
	if r.Dataset.Simulated {
		source += s.Warn("  simulated")
	}
	rows := [][2]string{
		{"data", source},
		{"split by time", fmt.Sprintf("train %s, validation %s, test %s", screen.Count(r.Parts.Train.Rows), screen.Count(r.Parts.Validation.Rows), screen.Count(r.Parts.Test.Rows))},
		{"fit", fmt.Sprintf("%d epochs over %d networks, seed %d", r.Fitted.Epochs, r.Fitted.Members, r.Fitted.Seed)},
		{"parity", fmt.Sprintf("largest gap %.1e to the training code, %.1e to the exported file", v.GapToTraining, v.GapToFile)},
		{"speed", fmt.Sprintf("%s rows/s on one core", screen.Count(int64(v.RowsPerSecond)))},
		{"Temporal", s.Accent(temporalURL)},
		{"MLflow run", s.Accent(r.Logged.RunURL)},
		{"MLflow model", s.Accent(r.Logged.VersionURL)},
	}
	if p := v.Stream; p != nil {
		rows = slices.Insert(rows, 4, [2]string{"rehearsal", fmt.Sprintf("%s rows through the stream's stages, %s with other features or scores than in training",
			screen.Count(p.Rows), screen.Count(p.Different))})
	}
	if v.ChampionProblems != "" {
		rows = append([][2]string{{"champion", s.Warn(v.ChampionProblems)}}, rows...)
	}
	return out + s.Pairs(rows)
}

// measure is one line of the comparison; better tells which direction is good, 0 none.
type measure struct {
	name   string
	of     func(job.Quality) float64
	better int
}

var measures = []measure{
	{"average precision", func(q job.Quality) float64 { return q.AveragePrecision }, +1},
	{"AUC ROC", func(q job.Quality) float64 { return q.AUC }, +1},
	{"precision", func(q job.Quality) float64 { return q.Precision }, +1},
	{"recall", func(q job.Quality) float64 { return q.Recall }, +1},
	{"Brier score", func(q job.Quality) float64 { return q.Brier }, -1},
	{"calibration error", func(q job.Quality) float64 { return q.ECE }, -1},
	{"threshold", func(q job.Quality) float64 { return q.Threshold }, 0},
}

func qualityTable(s screen.Style, v job.Validated) string {
	columns := []screen.Column{{Name: "on the test part"}, {Name: "new, version " + v.Candidate.Version, Right: true}}
	if v.Champion != nil {
		columns = append(columns, screen.Column{Name: "champion, version " + v.Champion.Version, Right: true}, screen.Column{Name: "change", Right: true})
	}
	var rows [][]string
	for _, m := range measures {
		row := []string{m.name, fmt.Sprintf("%.4f", m.of(v.Candidate))}
		if v.Champion != nil {
			row = append(row, fmt.Sprintf("%.4f", m.of(*v.Champion)), change(s, m, v))
		}
		rows = append(rows, row)
	}
	for _, n := range []struct {
		name string
		of   func(job.Quality) int64
	}{
		{"rows", func(q job.Quality) int64 { return q.Rows }},
		{"positive rows", func(q job.Quality) int64 { return q.Positives }},
	} {
		row := []string{n.name, screen.Count(n.of(v.Candidate))}
		if v.Champion != nil {
			row = append(row, screen.Count(n.of(*v.Champion)))
		}
		rows = append(rows, row)
	}
	return s.Table(columns, rows)
}

func change(s screen.Style, m measure, v job.Validated) string {
	d := m.of(v.Candidate) - m.of(*v.Champion)
	text := fmt.Sprintf("%+.4f", d)
	switch {
	case m.better == 0 || text == "+0.0000" || text == "-0.0000":
		return s.Dim(text)
	case d*float64(m.better) > 0:
		return s.Good(text)
	default:
		return s.Warn(text)
	}
}
