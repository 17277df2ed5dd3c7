package training

import (
	"fmt"
	"runtime"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
)

// history computes the features of all rows of a table in order of time, with labels and weights, and says which of them are
// to be learned from. A row's features are what they would have been when it happened: they may look at all rows before it,
// those of other parts too, and at no label before it was known.
func history(d *pipeline.Definition, set job.Dataset, spec feature.Spec, table dataset.Table) (dataset.Matrix, dataset.Cuts, error) {
	fail := func(err error) (dataset.Matrix, dataset.Cuts, error) { return dataset.Matrix{}, dataset.Cuts{}, err }
	cuts, err := cut(d, table)
	if err != nil {
		return fail(err)
	}
	sorted := table.Pick(cuts.Order)
	m := dataset.Matrix{Names: spec.Names(), Y: make([]float32, sorted.Len()), W: make([]float32, sorted.Len())}
	labels, ok := sorted.Column(d.Label.Column)
	if !ok {
		return fail(fmt.Errorf("%w: no column %q", dataset.ErrSchema, d.Label.Column))
	}
	for i := range labels {
		m.W[i] = negativeWeight(d, set)
		if labels[i] == d.Label.Positive {
			m.Y[i], m.W[i] = 1, 1
		}
	}
	m.X, err = Vectors(d, spec, sorted)
	return m, cuts, err
}

// cut divides a table as the pipeline says.
func cut(d *pipeline.Definition, table dataset.Table) (dataset.Cuts, error) {
	s := d.Training.Split
	span, _ := d.Training.Span.Duration() // none: all rows
	return dataset.Cut(table, d.OrderBy, dataset.Shares{Train: s.Train, Validation: s.Validation, Test: s.Test},
		dataset.Knowledge{Delay: d.LabelDelay().Seconds(), Span: span.Seconds()})
}

// Vectors computes the features of rows in order of time, [N, F] row-major.
func Vectors(d *pipeline.Definition, spec feature.Spec, sorted dataset.Table) ([]float32, error) {
	schema, err := feature.Schema(d.StreamSchema())
	if err != nil {
		return nil, err
	}
	program, err := feature.NewProgram(spec, schema)
	if err != nil {
		return nil, err
	}
	t, err := feature.TableOf(d, sorted.Column, sorted.Texts)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", dataset.ErrSchema, err)
	}
	replayed, err := program.Replay(t, feature.ReplayOptions{Workers: runtime.GOMAXPROCS(0)})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", dataset.ErrSchema, err)
	}
	width := program.Width()
	x := make([]float32, len(replayed.X))
	for i := range sorted.Len() {
		if !feature.Round(replayed.X[i*width:(i+1)*width], x[i*width:(i+1)*width]) {
			return nil, fmt.Errorf("%w: row %d in order of time has a feature that is not a finite number", dataset.ErrSchema, i)
		}
	}
	return x, nil
}
