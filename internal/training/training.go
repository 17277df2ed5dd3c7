// Package training makes models: it checks a data set, computes features, fits a
// network, records it in MLflow, measures it, and moves the aliases that say who
// serves. It knows nothing of Temporal: each step is a method that takes references
// to stored objects and returns references to new ones.
//
// Every step may be tried again. Objects are named by their content, MLflow's records
// by the key of the run, and Fit continues from its checkpoint, so a second try ends
// with what the first would have ended with.
//
//	ingested, err := trainer.Ingest(ctx, job.TrainRequest{Pipeline: "creditcard"})
//	engineered, err := trainer.Engineer(ctx, ingested, progress)
//	fitted, err := trainer.Fit(ctx, job.FitRequest{...}, progress)
package training

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/registry"
	"temporal-streaming/internal/tracking"
)

// ErrNoData is returned when no data set has been loaded for a pipeline.
var ErrNoData = errors.New("no data set is loaded")

// Trainer has what the steps share.
type Trainer struct {
	Store    artifact.Store
	MLflow   *tracking.Client
	Models   *registry.Registry
	Pipeline func(name string) (*pipeline.Definition, error)

	// Where people look things up; all may be left out.
	WorkflowURL func(id, runID string) string
	Commit      string // Git commit of the program
	Logger      *slog.Logger
}

// Ingest finds the data set and checks that it is what the pipeline declares.
func (t *Trainer) Ingest(ctx context.Context, req job.TrainRequest) (job.Ingested, error) {
	fail := func(err error) (job.Ingested, error) {
		return job.Ingested{}, fmt.Errorf("ingest data for %s: %w", req.Pipeline, err)
	}
	d, err := t.Pipeline(req.Pipeline)
	if err != nil {
		return fail(err)
	}
	set, err := t.dataset(ctx, req)
	if err != nil {
		return fail(err)
	}
	table, err := t.table(ctx, d, set)
	if err != nil {
		return fail(err)
	}
	positives, err := table.Count(d.Label.Column, d.Label.Positive)
	if err != nil {
		return fail(err)
	}
	if set.Rows != int64(table.Len()) || set.Positives != int64(positives) {
		return fail(fmt.Errorf("%w: %s holds %d rows, %d positive; it was loaded with %d and %d; load it again",
			dataset.ErrCorrupt, set.URI, table.Len(), positives, set.Rows, set.Positives))
	}
	definition, err := t.Store.Put(ctx, "pipelines/"+d.Name, "pipeline.yaml", d.YAML())
	if err != nil {
		return fail(err)
	}
	return job.Ingested{
		Dataset: set, Definition: job.Object(definition), Experiment: d.Name, Gates: job.Gates(d.Gates),
	}, nil
}

// dataset is the one that was asked for, or the one that was loaded last.
func (t *Trainer) dataset(ctx context.Context, req job.TrainRequest) (job.Dataset, error) {
	if req.Dataset != nil {
		return *req.Dataset, nil
	}
	var set job.Dataset
	pointer, err := t.Store.GetNamed(ctx, job.CurrentDataset(req.Pipeline))
	if errors.Is(err, artifact.ErrNotFound) {
		return set, fmt.Errorf("%w; load one with: starter load %s FILE", ErrNoData, req.Pipeline)
	}
	if err != nil {
		return set, err
	}
	if err := json.Unmarshal(pointer, &set); err != nil {
		return set, fmt.Errorf("read %s: %w", job.CurrentDataset(req.Pipeline), err)
	}
	return set, nil
}

func (t *Trainer) table(ctx context.Context, d *pipeline.Definition, set job.Dataset) (dataset.Table, error) {
	file, err := t.Store.Get(ctx, artifact.Ref(set.Object))
	if err != nil {
		return dataset.Table{}, err
	}
	table, err := dataset.ReadParquet(bytes.NewReader(file), int64(len(file)), Columns(d.TrainingSchema()), dataset.ReadOptions{IgnoreExtra: true})
	if err != nil {
		return dataset.Table{}, fmt.Errorf("%s: %w", set.URI, err)
	}
	return table, nil
}

// Columns are a pipeline's columns as a data set names their kinds.
func Columns(declared []pipeline.Column) []dataset.Column {
	columns := make([]dataset.Column, len(declared))
	for i, c := range declared {
		columns[i] = dataset.ColumnOf(c.Name, string(c.Type))
		columns[i].Optional = c.Optional
	}
	return columns
}

// definition is the one that Ingest stored: a worker that is replaced by a newer one in
// the middle of a run goes on with the file that the run began with.
func (t *Trainer) definition(ctx context.Context, ref job.Object) (*pipeline.Definition, error) {
	yaml, err := t.Store.Get(ctx, artifact.Ref(ref))
	if err != nil {
		return nil, err
	}
	return pipeline.Parse("pipeline.yaml", yaml)
}
