package main

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/training"
	"temporal-streaming/pipelines"
)

// pipelineName is the pipeline that is measured.
const pipelineName = "creditcard"

// recipe runs the steps of workflow Train, by the code that its activities call, on a
// store of the caller's.
type recipe struct {
	trainer    *training.Trainer
	ingested   job.Ingested
	engineered job.Engineered
	fitted     job.Fitted
}

func newRecipe(store artifact.Store) *recipe {
	return &recipe{trainer: &training.Trainer{Store: store, Pipeline: pipelines.Load}}
}

// readTable reads a CSV file, plain or gzip, with the columns of a pipeline.
func readTable(path string, d *pipeline.Definition) (dataset.Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return dataset.Table{}, fmt.Errorf("open data: %w; name another file with --data", err)
	}
	defer f.Close() // only read
	return dataset.ReadCSV(f, training.Columns(d.TrainingSchema()), dataset.ReadOptions{IgnoreExtra: true})
}

// prepare loads a table and computes its features. negativeWeight is how many genuine
// rows of the world one in the table stands for; 0: what the pipeline says.
func (r *recipe) prepare(ctx context.Context, d *pipeline.Definition, table dataset.Table, set job.Dataset) error {
	var parquet bytes.Buffer
	if err := dataset.WriteParquet(&parquet, table); err != nil {
		return err
	}
	ref, err := r.trainer.Store.Put(ctx, "datasets/"+d.Name, "bench.parquet", parquet.Bytes())
	if err != nil {
		return err
	}
	positives, err := table.Count(d.Label.Column, d.Label.Positive)
	if err != nil {
		return err
	}
	set.Name, set.Object, set.URI = d.Name, job.Object(ref), ref.Key
	set.Rows, set.Positives = int64(table.Len()), int64(positives)
	if r.ingested, err = r.trainer.Ingest(ctx, job.TrainRequest{Pipeline: d.Name, Dataset: &set}); err != nil {
		return err
	}
	r.engineered, err = r.trainer.Engineer(ctx, r.ingested)
	return err
}

// fit trains the network of the pipeline; seed 0 is the pipeline's own. key is where its
// checkpoint is kept.
func (r *recipe) fit(ctx context.Context, seed int64, key string, progress func(job.FitProgress)) error {
	var err error
	r.fitted, err = r.trainer.Fit(ctx, job.FitRequest{
		Ingested: r.ingested, Engineered: r.engineered, Seed: seed, Checkpoint: "checkpoints/bench/" + key,
	}, progress)
	return err
}

// matrix reads one part of the data as features.
func (r *recipe) matrix(ctx context.Context, part job.Part) (dataset.Matrix, error) {
	file, err := r.trainer.Store.Get(ctx, artifact.Ref(part.Matrix))
	if err != nil {
		return dataset.Matrix{}, err
	}
	return dataset.DecodeMatrix(file)
}
