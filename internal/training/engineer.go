package training

import (
	"context"
	"fmt"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
)

// Engineer splits the data set by time and computes the features of each part with the
// plan that the stream uses.
func (t *Trainer) Engineer(ctx context.Context, in job.Ingested) (job.Engineered, error) {
	fail := func(err error) (job.Engineered, error) {
		return job.Engineered{}, fmt.Errorf("engineer features of %s: %w", in.Dataset.URI, err)
	}
	d, err := t.definition(ctx, in.Definition)
	if err != nil {
		return fail(err)
	}
	table, err := t.table(ctx, d, in.Dataset)
	if err != nil {
		return fail(err)
	}
	parts, err := split(d, table)
	if err != nil {
		return fail(err)
	}
	spec := feature.SpecOf(d)
	encoded, err := spec.JSON()
	if err != nil {
		return fail(err)
	}
	specRef, err := t.Store.Put(ctx, "features/"+d.Name, "feature_spec.json", encoded)
	if err != nil {
		return fail(err)
	}
	out := job.Engineered{Spec: job.Object(specRef), Features: len(d.Features)}
	for _, p := range []struct {
		name  string
		table dataset.Table
		part  *job.Part
	}{{"train", parts.Train, &out.Train}, {"validation", parts.Validation, &out.Validation}, {"test", parts.Test, &out.Test}} {
		if *p.part, err = t.part(ctx, d, in.Dataset, spec, p.name, p.table); err != nil {
			return fail(fmt.Errorf("%s part: %w", p.name, err))
		}
	}
	return out, nil
}

func split(d *pipeline.Definition, table dataset.Table) (dataset.Parts, error) {
	s := d.Training.Split
	return dataset.Split(table, d.OrderBy, dataset.Shares{Train: s.Train, Validation: s.Validation, Test: s.Test})
}

func (t *Trainer) part(ctx context.Context, d *pipeline.Definition, set job.Dataset, spec feature.Spec, name string, table dataset.Table) (job.Part, error) {
	m, err := matrix(d, set, spec, table)
	if err != nil {
		return job.Part{}, err
	}
	file, err := m.Encode()
	if err != nil {
		return job.Part{}, err
	}
	ref, err := t.Store.Put(ctx, "matrices/"+d.Name, name+".matrix", file)
	if err != nil {
		return job.Part{}, err
	}
	times, _ := table.Column(d.OrderBy) // Split found it
	part := job.Part{Matrix: job.Object(ref), Rows: int64(m.Len()), From: times[0], To: times[len(times)-1]}
	for _, y := range m.Y {
		part.Positives += int64(y)
	}
	return part, nil
}

// matrix computes the features of every row of a table, with labels and weights.
func matrix(d *pipeline.Definition, set job.Dataset, spec feature.Spec, table dataset.Table) (dataset.Matrix, error) {
	schema, err := feature.Schema(d.StreamSchema())
	if err != nil {
		return dataset.Matrix{}, err
	}
	plan, err := feature.Compile(spec, schema)
	if err != nil {
		return dataset.Matrix{}, err
	}
	columns := make([][]float64, schema.Width())
	for i, f := range schema.Fields() {
		values, ok := table.Column(f.Name)
		if !ok {
			return dataset.Matrix{}, fmt.Errorf("%w: no column %q", dataset.ErrSchema, f.Name)
		}
		columns[i] = values
	}
	labels, ok := table.Column(d.Label.Column)
	if !ok {
		return dataset.Matrix{}, fmt.Errorf("%w: no column %q", dataset.ErrSchema, d.Label.Column)
	}
	n, width := table.Len(), plan.Width()
	m := dataset.Matrix{Names: plan.Names(), X: make([]float32, n*width), Y: make([]float32, n), W: make([]float32, n)}
	row := make([]float64, schema.Width())
	for i := range n {
		for c := range row {
			row[c] = columns[c][i]
		}
		if !plan.Vector(row, m.X[i*width:(i+1)*width]) {
			return dataset.Matrix{}, fmt.Errorf("%w: row %d in order of time has a feature that is not a finite number", dataset.ErrSchema, i)
		}
		m.W[i] = negativeWeight(d, set)
		if labels[i] == d.Label.Positive {
			m.Y[i], m.W[i] = 1, 1
		}
	}
	return m, m.Check()
}

// negativeWeight is how many rows of the world a negative row stands for: what the data
// set says of itself, or else what the pipeline declares.
func negativeWeight(d *pipeline.Definition, set job.Dataset) float32 {
	if set.NegativeWeight > 0 {
		return float32(set.NegativeWeight)
	}
	return float32(d.Training.NegativeWeight)
}
