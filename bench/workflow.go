package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/serving"
	"temporal-streaming/pipelines"
)

// plan is a stream of the pipeline on topics of the benchmark's own, with as many input
// partitions as the input topic has. The output topics are made.
func plan(ctx context.Context, server *serving.Server, topicIn, output string, shards int) (job.StreamPlan, error) {
	own := *server
	own.Pipeline = func(name string) (*pipeline.Definition, error) {
		d, err := pipelines.Load(name)
		if err != nil {
			return nil, err
		}
		d.Source.Topic, d.Sink.Topic, d.Sink.DeadLetters = topicIn, output, output+".dlq"
		return d, nil
	}
	p, err := own.Plan(ctx, job.InferenceRequest{Pipeline: pipelineName, Start: "earliest", Sink: "kafka", Shards: shards})
	p.Group = "bench." + output
	return p, err
}

// running is a workflow Inference that this program has started.
type running struct {
	temporal client.Client
	id       string
}

// infer starts the real workflow. Its plan is handed to it as a continued run gets it, so
// that it streams between the benchmark's topics instead of the pipeline's; all that it
// leaves out is asking for the pipeline's.
func (s *site) infer(ctx context.Context, p job.StreamPlan) (*running, error) {
	temporal, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	carried := &job.Carried{Plan: p, Started: time.Now()}
	for _, shard := range p.Shards {
		carried.Shards = append(carried.Shards, job.ShardStatus{Shard: shard, State: job.ShardLeasing, Since: time.Now()})
	}
	r := &running{temporal: temporal, id: "bench-" + p.Output}
	_, err = temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: r.id, TaskQueue: job.StreamQueue, WorkflowTaskTimeout: job.StreamTaskTimeout},
		job.InferenceWorkflow, job.InferenceRequest{Pipeline: p.Pipeline, Carried: carried, By: "bench"})
	if err != nil {
		temporal.Close()
		return nil, fmt.Errorf("start workflow %s: %w", r.id, err)
	}
	return r, nil
}

// status is what the stream says of itself.
func (r *running) status(ctx context.Context) (s job.InferenceStatus, err error) {
	answer, err := r.temporal.QueryWorkflow(ctx, r.id, "", job.StatusQuery)
	if err == nil {
		err = answer.Get(&s)
	}
	if err != nil {
		return s, fmt.Errorf("ask workflow %s for its status: %w", r.id, err)
	}
	return s, nil
}

// stop drains and ends the stream.
func (r *running) stop(ctx context.Context) error {
	defer r.temporal.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	handle, err := r.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: r.id, UpdateName: job.StopUpdate, Args: []any{job.StopRequest{Reason: "the benchmark is over", By: "bench"}},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("stop workflow %s: %w", r.id, err),
			r.temporal.TerminateWorkflow(context.WithoutCancel(ctx), r.id, "", "the benchmark could not stop it"))
	}
	return nil
}

func (s *site) dial(ctx context.Context) (client.Client, error) {
	vars, err := config.Environ(s.environ)
	if err != nil {
		return nil, err
	}
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: vars})
	if err != nil {
		return nil, fmt.Errorf("read Temporal's settings: %w", err)
	}
	options.HostPort = s.cfg.Temporal.Address
	options.Logger = sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("connect to Temporal at %s: %w", options.HostPort, err)
	}
	return c, nil
}
