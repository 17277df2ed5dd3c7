package serving

import (
	"context"
	"fmt"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/history"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
)

// Backfilled is what a stage of a stream knows after a Backfill.
type Backfilled struct {
	Stage int    `json:"stage"`
	Topic string `json:"topic"`
	Key   string `json:"key"`
	Keys  int    `json:"keys"`
	Bytes int64  `json:"bytes"` // in the object store
	// Next is where each partition goes on, -1 where the stream has not begun.
	Next []int64 `json:"next"`
}

// BackfillPlan finds what a Backfill will replace, and changes nothing.
func (s *Server) BackfillPlan(ctx context.Context, pipeline, model string) ([]Backfilled, error) {
	d, err := s.Pipeline(pipeline)
	if err != nil {
		return nil, err
	}
	found, err := s.Models.Find(ctx, d.Name, model)
	if err != nil {
		return nil, err
	}
	bundle, err := s.Models.Open(ctx, found)
	if err != nil {
		return nil, err
	}
	if !bundle.Stateful() {
		return nil, fmt.Errorf("%w: no feature of %s@%s has a history", ErrRequest, bundle.Name, bundle.Version)
	}
	if err := stream.EnsureTopics(ctx, s.Kafka, topic(d.Source.Topic)); err != nil {
		return nil, err
	}
	n, err := stream.Partitions(ctx, s.Kafka, d.Source.Topic)
	if err != nil {
		return nil, err
	}
	stages, err := s.stages(ctx, d, bundle.Definition, n)
	if err != nil {
		return nil, err
	}
	var plan []Backfilled
	for i, stage := range stages {
		if stage.Kind == job.StageLabels {
			continue
		}
		b := Backfilled{Stage: i, Topic: stage.Topic, Key: stage.Key}
		log, err := stream.Group(ctx, s.Kafka, stream.GroupID(d.Name), stage.Topic)
		if err != nil {
			return nil, err
		}
		for _, p := range log {
			b.Next = append(b.Next, p.Committed)
		}
		plan = append(plan, b)
	}
	return plan, nil
}

// Backfill builds what the stages of a stream know from a table instead of from their topics, and stores it: the stream goes on from there
// at its committed offsets, or begins with it. The stream must not run. Records go to the partition of the source that Java's clients choose
// by the key.
func (s *Server) Backfill(ctx context.Context, pipeline, model string, plan []Backfilled, table feature.Table, progress func(what string, done int)) ([]Backfilled, error) {
	fail := func(err error) ([]Backfilled, error) {
		return nil, fmt.Errorf("backfill the stream %s: %w", pipeline, err)
	}
	found, err := s.Models.Find(ctx, pipeline, model)
	if err != nil {
		return fail(err)
	}
	bundle, err := s.Models.Open(ctx, found)
	if err != nil {
		return fail(err)
	}
	if len(plan) == 0 {
		return fail(fmt.Errorf("%w: the plan has no stages", ErrRequest))
	}
	n := int32(len(plan[0].Next))
	histories, err := bundle.Backfill(ctx, table, n, func(key []byte) int32 { return stream.PartitionOf(key, n) },
		func(rows int) { progress("Build", rows) })
	if err != nil {
		return fail(err)
	}
	for i := range plan {
		p := &plan[i]
		book := history.Book{Store: s.Store, Pipeline: pipeline, Topic: p.Topic, Logger: s.Logger}
		h := histories[p.Stage]
		for partition := range n {
			state := h.Of(partition) // an empty one, too: it replaces what was known
			size, err := book.Seed(ctx, h, partition, state, p.Next[partition])
			if err != nil {
				return fail(err)
			}
			p.Keys += state.Keys()
			p.Bytes += size
			progress("Store", int(partition)+1)
		}
	}
	return plan, nil
}
