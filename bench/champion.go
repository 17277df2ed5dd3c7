package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/connect"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/registry"
	"temporal-streaming/internal/serving"
	"temporal-streaming/pipelines"
)

// modelRows is how many simulated rows the model of a speed benchmark is trained on. It
// costs what any other of the recipe costs to run, and need not be good.
const modelRows = 4000

// serving makes what the worker makes to build its loops.
func (s *site) serving() (*serving.Server, error) {
	client, err := connect.MLflow(s.cfg.MLflow, 0)
	if err != nil {
		return nil, err
	}
	return &serving.Server{
		Kafka: s.kafka, Models: &registry.Registry{MLflow: client}, Pipeline: pipelines.Load,
		Store:  artifact.NewMemory(0), // a benchmark's topics are its own: nobody owned them before
		Logger: slog.New(slog.NewTextHandler(s.bench.stderr, nil)),
	}, nil
}

// champion makes sure that a model serves: one that is there, or a new one of the
// pipeline's recipe, trained and registered by the code of workflow Train.
func (s *site) champion(ctx context.Context, server *serving.Server) error {
	found, err := server.Models.Find(ctx, pipelineName, registry.Champion)
	if err == nil {
		s.bench.say("the model is %s version %s, as registered", found.Name, found.Number)
		return nil
	}
	if !errors.Is(err, registry.ErrNoChampion) {
		return err
	}
	d, err := pipelines.Load(pipelineName)
	if err != nil {
		return err
	}
	_, err = s.train(ctx, server, d, 0)
	return err
}

// modelTable is simulated rows of the schema of a pipeline. A history takes more of them, since the first have none.
func modelTable(d *pipeline.Definition) (dataset.Table, error) {
	if d.Name == transactionsName {
		return simulateTransactions(dataset.TransactionOptions{Rows: 15 * modelRows, Seed: 1})
	}
	return dataset.Simulate(dataset.SimulateOptions{Rows: modelRows, Seed: 1, FraudShare: 0.02})
}

// train makes a model the champion and answers its version. Another seed makes another
// model, 0 is the pipeline's.
func (s *site) train(ctx context.Context, server *serving.Server, d *pipeline.Definition, seed int64) (version string, err error) {
	table, err := modelTable(d)
	if err != nil {
		return "", err
	}
	s.bench.say("training a model of the shipped recipe on %d simulated rows", table.Len())
	store, err := connect.Bucket(s.cfg.S3, 0)
	if err != nil {
		return "", err
	}
	if err := store.EnsureBucket(ctx); err != nil {
		return "", err
	}
	begun := time.Now()
	key := fmt.Sprintf("bench-%d", begun.UnixNano())
	r := newRecipe(store)
	r.trainer.MLflow, r.trainer.Models = server.Models.MLflow, server.Models
	if err := r.prepare(ctx, d, table, job.Dataset{Source: "simulated for a benchmark", Simulated: true}); err != nil {
		return "", err
	}
	if err := r.fit(ctx, seed, key, func(job.FitProgress) {}); err != nil {
		return "", err
	}
	logged, err := r.trainer.Log(ctx, job.LogRequest{
		Ingested: r.ingested, Engineered: r.engineered, Fitted: r.fitted, Key: key, WorkflowID: key, RunID: key, Started: begun, By: "bench",
	})
	if err != nil {
		return "", err
	}
	_, err = r.trainer.Promote(ctx, job.PromoteRequest{
		Logged: logged, By: "bench", At: time.Now(),
		Decision: job.Decision{Promote: true, Reasons: []string{"a benchmark of speed needed a model; its quality was not judged"}},
	})
	return logged.Version, err
}
