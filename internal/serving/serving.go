// Package serving puts a stream together: it finds the topics and the model of a
// pipeline, and builds the loop that scores the one with the other.
//
//	plan, err := server.Plan(ctx, job.InferenceRequest{Pipeline: "creditcard"})
//	loop, err := server.Loop(ctx, job.SegmentRequest{Plan: plan, Shard: shard}, hooks, os.Stdout)
//	checkpoint, err := loop.Run(ctx)
package serving

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/registry"
	"temporal-streaming/internal/stream"
)

// ErrRequest is returned for a request that asks for something impossible.
var ErrRequest = errors.New("invalid request")

// Server has what streams of this process share.
type Server struct {
	Kafka    stream.Kafka
	Models   *registry.Registry
	Store    artifact.Store // remembers who owned which partitions
	Pipeline func(name string) (*pipeline.Definition, error)
	Logger   *slog.Logger

	PublicCalls   bool // of the loops, see stream.Options
	ClientCommits bool // likewise
}

// Plan finds what a stream needs to begin: the input's partitions, divided into shards,
// the topics to write to, which are made where they are missing, and the model. The
// request overrides the pipeline's own settings. When it returns, owners under another
// division of the partitions can commit no more.
func (s *Server) Plan(ctx context.Context, req job.InferenceRequest) (job.StreamPlan, error) {
	fail := func(err error) (job.StreamPlan, error) {
		return job.StreamPlan{}, fmt.Errorf("plan stream %s: %w", req.Pipeline, err)
	}
	d, err := s.Pipeline(req.Pipeline)
	if err != nil {
		return fail(err)
	}
	if req.Start == "" {
		req.Start = string(d.Source.Start)
	}
	if _, err := stream.ParseStart(req.Start); err != nil {
		return fail(fmt.Errorf("%w: %w", ErrRequest, err))
	}
	model, err := s.Models.Find(ctx, d.Name, or(req.Model, registry.Champion))
	if err != nil {
		return fail(err)
	}
	// A model that no loop could score with is refused here, once, and not by every loop for ever.
	bundle, err := s.Models.Open(ctx, model)
	if err == nil {
		err = try(bundle)
	}
	if err != nil {
		return fail(err)
	}
	if err := stream.EnsureTopics(ctx, s.Kafka,
		topic(d.Source.Topic), topic(d.Sink.Topic), topic(d.Sink.DeadLetters)); err != nil {
		return fail(err)
	}
	n, err := stream.Partitions(ctx, s.Kafka, d.Source.Topic)
	if err != nil {
		return fail(err)
	}
	began, owned, err := s.grown(ctx, d.Name, d.Source.Topic, n)
	if err != nil {
		return fail(err)
	}
	if len(stagesOf(bundle.Definition)) > 0 {
		if began = 0; owned > 0 {
			n = owned // what is known of a key stands with the partition that it had
		}
	}
	stages, err := s.stages(ctx, d, bundle.Definition, n)
	if err != nil {
		return fail(err)
	}
	plan := job.StreamPlan{
		Pipeline: d.Name, Began: began, Group: stream.GroupID(d.Name), Topic: d.Source.Topic, Output: d.Sink.Topic,
		DeadLetters: d.Sink.DeadLetters, Sink: or(req.Sink, string(d.Sink.Kind)), Start: req.Start,
		Model: reference(model), Stages: stages,
		SegmentLasts: job.Duration(d.Stream.Segment),
	}
	shards := d.Stream.Shards
	if req.Shards > 0 {
		shards = req.Shards
	}
	if plan.Shards = plan.Divide(shards); len(stages) == 0 {
		plan.Shards = job.Divide(nil, numbers(n), shards)
	}
	if plan.Orders.Generation, err = s.nextGeneration(ctx, plan); err != nil {
		return fail(err)
	}
	if err := s.divide(ctx, plan, nil); err != nil {
		return fail(err)
	}
	return plan, nil
}

// nextGeneration is above every one that the partitions of any stage were read under.
func (s *Server) nextGeneration(ctx context.Context, plan job.StreamPlan) (int64, error) {
	newest := int64(0)
	for i := range max(1, len(plan.Stages)) {
		positions, err := stream.Group(ctx, s.Kafka, plan.Group, plan.Stage(i).Topic)
		if err != nil {
			return 0, err
		}
		for _, p := range positions {
			newest = max(newest, p.Generation)
		}
	}
	return newest + 1, nil
}

// Loop builds the loop of one shard. Features, threshold and the names of decisions come
// from the bundle, as the model was trained; topics and speed from the pipeline of today.
func (s *Server) Loop(ctx context.Context, req job.SegmentRequest, hooks stream.Hooks, console io.Writer) (*stream.Loop, error) {
	fail := func(err error) (*stream.Loop, error) {
		return nil, fmt.Errorf("build loop of %s, partitions %v: %w", req.Plan.Pipeline, req.Shard.Partitions, err)
	}
	d, err := s.Pipeline(req.Plan.Pipeline)
	if err != nil {
		return fail(err)
	}
	start, err := stream.ParseStart(req.Plan.Start)
	if err != nil {
		return fail(fmt.Errorf("%w: %w", ErrRequest, err))
	}
	if req.Shard.Stage > 0 {
		start = stream.StartEarliest() // nobody but this stream has written there
	}
	orders, err := s.Orders(ctx, req.Plan, req.Shard)
	if err != nil {
		return fail(err)
	}
	loop, err := stream.NewLoop(stream.Options{
		Kafka: s.Kafka, Pipeline: d.Name, Stage: req.Shard.Stage, Group: req.Plan.Group,
		Topic: req.Plan.Stage(req.Shard.Stage).Topic, Partitions: req.Shard.Partitions,
		Output: req.Plan.Output, DeadLetters: req.Plan.DeadLetters, Forward: forward(req.Plan, req.Shard),
		Repeatable: req.Plan.Stage(req.Shard.Stage).Kind == job.StageLabels,
		Delivery:   stream.Delivery(d.Stream.Delivery), History: s.book(req.Plan, req.Shard), Abreast: s.abreast(req.Plan, req.Shard),
		Start: start, Added: int32(req.Plan.Began), Stood: positions(req.Stood), Sink: stream.SinkKind(req.Plan.Sink), Console: console,
		CommitInterval: d.Stream.CommitInterval, MaxBatch: d.Stream.MaxBatch,
		Model: orders.Model, ModelVersion: orders.ModelVersion, Orders: orders,
		StillOwner: hooks.StillOwner, Progress: hooks.Progress, ProgressInterval: 500 * time.Millisecond,
		PublicCalls: s.PublicCalls, ClientCommits: s.ClientCommits,
		Logger: s.Logger.With("shard", req.Shard.ID),
	}, orders.Processor)
	if err != nil {
		return fail(err)
	}
	return loop, nil
}

func or(value, fallback string) string {
	if value != "" {
		return value
	}
	return fallback
}

// topic is how a topic is made that does not exist: people who care make their own.
func topic(name string) stream.TopicSpec { return stream.TopicSpec{Name: name, Partitions: 4} }
