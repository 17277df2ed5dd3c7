package serving

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"temporal-streaming/internal/history"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/score"
	"temporal-streaming/internal/stream"
)

// engine makes what a shard's loop does with its records, by the plan's model.
func (s *Server) engine(ctx context.Context, d *pipeline.Definition, plan job.StreamPlan, shard job.Shard) (*score.Bundle, stream.Processor, error) {
	bundle, err := s.Models.Open(ctx, pinned(plan.Model))
	if err != nil {
		return nil, nil, err
	}
	if bundle.Stateful() != (len(plan.Stages) > 0) {
		return nil, nil, fmt.Errorf("%w: version %s and the running stream differ in whether features have a history; stop the stream, and start it with that model",
			ErrRequest, bundle.Version)
	}
	p, err := processor(bundle, score.EngineOptions{MaxBatch: d.Stream.MaxBatch, Topic: plan.Topic}, plan, shard)
	return bundle, p, err
}

func processor(bundle *score.Bundle, o score.EngineOptions, plan job.StreamPlan, shard job.Shard) (stream.Processor, error) {
	if len(plan.Stages) == 0 {
		return bundle.NewEngine(o)
	}
	var targets []score.Target
	for _, next := range plan.Next(shard.Stage) {
		targets = append(targets, score.Target{Topic: next.Topic, Partitions: int32(next.Partitions)})
	}
	if plan.Stage(shard.Stage).Kind == job.StageLabels {
		return bundle.NewLabelEngine(targets)
	}
	stage := score.StageOptions{EngineOptions: o}
	if len(targets) > 0 {
		stage.Next = targets[0]
	}
	return bundle.NewStageEngine(shard.Stage, stage)
}

// try makes every engine that a stream of the model needs, and throws them away: a model that no loop could score with is
// refused here, once, and not by every loop for ever.
func try(bundle *score.Bundle) error {
	o := score.EngineOptions{MaxBatch: 1}
	if !bundle.Stateful() {
		_, err := bundle.NewEngine(o)
		return err
	}
	plan := job.StreamPlan{Stages: stagesOf(bundle.Definition)}
	for i := range plan.Stages {
		plan.Stages[i].Partitions = 1
	}
	for i := range plan.Stages {
		if _, err := processor(bundle, o, plan, job.Shard{Stage: i}); err != nil {
			return err
		}
	}
	return nil
}

// forward are the topics that a shard's loop hands records on to.
func forward(plan job.StreamPlan, shard job.Shard) []string {
	var topics []string
	for _, next := range plan.Next(shard.Stage) {
		topics = append(topics, next.Topic)
	}
	return topics
}

// book keeps what a shard's stage knows of the records before; nil for one that looks at each record alone.
func (s *Server) book(plan job.StreamPlan, shard job.Shard) stream.History {
	if len(plan.Stages) == 0 || plan.Stage(shard.Stage).Kind == job.StageLabels {
		return nil
	}
	return &history.Book{
		Store: s.Store, Pipeline: plan.Pipeline, Topic: plan.Stage(shard.Stage).Topic, Logger: s.Logger.With("shard", shard.ID),
	}
}

// abreast waits until the labels that are there have been handed on; nil for all but the shards that read the source, of a
// stream with labels.
func (s *Server) abreast(plan job.StreamPlan, shard job.Shard) func(context.Context) error {
	i := slices.IndexFunc(plan.Stages, func(stage job.Stage) bool { return stage.Kind == job.StageLabels })
	if i < 0 || shard.Stage > 0 {
		return nil
	}
	labels := plan.Stages[i]
	return func(ctx context.Context) error {
		// Labels go on coming: what is waited for is fixed at the first look, or it would never be over.
		var before, last []stream.GroupPosition
		for {
			now, err := stream.Group(ctx, s.Kafka, plan.Group, labels.Topic)
			if err == nil && before == nil {
				before = now
			}
			if err == nil && reached(now, before) {
				return nil
			}
			if err == nil && slices.Equal(now, last) { // the ends of transactions stand behind the last label, and nobody reads them
				unread := false
				if unread, err = stream.Unread(ctx, s.Kafka, plan.Group, labels.Topic, numbers(labels.Partitions)); err == nil && !unread {
					return nil
				}
			}
			last = now
			select {
			case <-ctx.Done():
				return errors.Join(ctx.Err(), err)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

// reached tells whether a group has come to where a topic ended before.
func reached(now, before []stream.GroupPosition) bool {
	for p := range before {
		if p >= len(now) || max(now[p].Committed, now[p].First) < before[p].End {
			return false
		}
	}
	return true
}
