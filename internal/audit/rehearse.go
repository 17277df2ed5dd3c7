package audit

import (
	"context"
	"fmt"
	"runtime"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/score"
)

// Rehearsal is what Rehearse has found: an artifact of the training run.
type Rehearsal struct {
	Model     string `json:"model"`
	Version   string `json:"model_version"`
	Rows      int64  `json:"rows"`      // that were streamed
	Different int64  `json:"different"` // of those, in a feature or the probability
	Missing   int64  `json:"missing"`   // rows without a prediction

	Stages      int          `json:"stages"`
	Handed      int64        `json:"handed_on"` // messages between stages
	Labels      int64        `json:"labels"`
	Differences []Difference `json:"differences,omitempty"` // the first few
}

// Passed tells whether the stream is training's equal.
func (r Rehearsal) Passed() bool { return r.Rows > 0 && r.Different == 0 && r.Missing == 0 }

// Rehearse streams the first rows of a table, most at most, in memory: messages, stages, labels and all, by the engines that a
// worker runs, less Kafka. It compares each prediction with what training computes of the same rows, bit for bit.
func Rehearse(ctx context.Context, bundle *score.Bundle, table feature.Table, most int) (Rehearsal, error) {
	r, err := rehearse(ctx, bundle, table, most)
	if err != nil {
		return Rehearsal{}, fmt.Errorf("rehearse the stream of %s@%s: %w", bundle.Name, bundle.Version, err)
	}
	return r, nil
}

func rehearse(ctx context.Context, bundle *score.Bundle, table feature.Table, most int) (Rehearsal, error) {
	if !bundle.Stateful() {
		return Rehearsal{}, ErrStateless
	}
	program, err := feature.ProgramOf(bundle.Definition)
	if err != nil {
		return Rehearsal{}, err
	}
	whole, err := program.Timeline(table)
	if err != nil {
		return Rehearsal{}, err
	}
	rows := whole.Rows(most)
	first := table.Pick(rows)
	want, err := trained(bundle, program, first)
	if err != nil {
		return Rehearsal{}, err
	}
	stream, err := newMemoryStream(bundle, first, rows)
	if err != nil {
		return Rehearsal{}, err
	}
	if err := stream.play(ctx, program); err != nil {
		return Rehearsal{}, err
	}
	return stream.compare(want), nil
}

// trained is what training computes of each row.
func trained(bundle *score.Bundle, program *feature.Program, table feature.Table) ([]prediction, error) {
	replayed, err := program.Replay(table, feature.ReplayOptions{Workers: runtime.GOMAXPROCS(0)})
	if err != nil {
		return nil, err
	}
	width := program.Width()
	x, p := make([]float32, width), make([]float32, 1)
	scorer := model.NewScorer(bundle.Model, 1)
	want := make([]prediction, len(table.Columns[0]))
	for row := range want {
		feature.Round(replayed.X[row*width:(row+1)*width], x)
		scorer.Score(x, 1, p)
		want[row] = prediction{features: fmt.Sprintf("%016x", feature.Fingerprint(x)), probability: p[0]}
	}
	return want, nil
}

// compare holds what the stream has said of each row against what training says.
func (s *memoryStream) compare(want []prediction) Rehearsal {
	out := &s.report
	out.Model, out.Version, out.Stages, out.Rows = s.bundle.Name, s.bundle.Version, len(s.stages), int64(len(want))
	for row, w := range want {
		got, scored := s.said[row]
		switch {
		case !scored:
			out.Missing++
			s.found("missing", row, "no prediction", decimal(w.probability))
		case got.features != w.features || got.probability != w.probability:
			out.Different++
			s.found("prediction", row, "the stream: features "+got.features+", "+decimal(got.probability),
				"training: features "+w.features+", "+decimal(w.probability))
		}
	}
	return *out
}

func (s *memoryStream) found(what string, row int, was, is string) {
	if len(s.report.Differences) < fewDifferences {
		s.report.Differences = append(s.report.Differences, Difference{what, fmt.Sprint("row ", s.rows[row]), was, is})
	}
}
