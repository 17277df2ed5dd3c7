package training

import (
	"bytes"
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
	spec := feature.SpecOf(d)
	encoded, err := spec.JSON()
	if err != nil {
		return fail(err)
	}
	specRef, err := t.Store.Put(ctx, "features/"+d.Name, "feature_spec.json", encoded)
	if err != nil {
		return fail(err)
	}
	whole, cuts, err := history(d, in.Dataset, spec, table)
	if err != nil {
		return fail(err)
	}
	times, _ := table.Column(d.OrderBy) // Cut found it
	out := job.Engineered{Spec: job.Object(specRef), Features: len(d.Features)}
	for _, p := range []struct {
		name string
		rows dataset.Range
		part *job.Part
	}{{"train", cuts.Train, &out.Train}, {"validation", cuts.Validation, &out.Validation}, {"test", cuts.Test, &out.Test}} {
		if *p.part, err = t.part(ctx, d, p.name, whole.Part(p.rows)); err != nil {
			return fail(fmt.Errorf("%s part: %w", p.name, err))
		}
		p.part.From, p.part.To = times[cuts.Order[p.rows.From]], times[cuts.Order[p.rows.To-1]]
	}
	return out, nil
}

func (t *Trainer) part(ctx context.Context, d *pipeline.Definition, name string, m dataset.Matrix) (job.Part, error) {
	if err := m.Check(); err != nil {
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
	var parquet bytes.Buffer
	if err := m.WriteParquet(&parquet); err != nil {
		return job.Part{}, err
	}
	table, err := t.Store.Put(ctx, "matrices/"+d.Name, name+".parquet", parquet.Bytes())
	if err != nil {
		return job.Part{}, err
	}
	part := job.Part{Matrix: job.Object(ref), Parquet: job.Object(table), Rows: int64(m.Len())}
	for _, y := range m.Y {
		part.Positives += int64(y)
	}
	return part, nil
}

// negativeWeight is how many rows of the world a negative row stands for: what the data
// set says of itself, or else what the pipeline declares.
func negativeWeight(d *pipeline.Definition, set job.Dataset) float32 {
	if set.NegativeWeight > 0 {
		return float32(set.NegativeWeight)
	}
	return float32(d.Training.NegativeWeight)
}
