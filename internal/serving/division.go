package serving

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
)

// Divide makes the division of a plan the only one that can commit.
//
// A transactional id fences only its own predecessors. An owner of partitions 0-3 that
// was frozen, or cut off from Temporal, would go on beside new owners of 0-1 and 2-3,
// and both would commit every record. So the owners of the division before are retired
// before anybody reads an offset under the new one (see stream.Retire). Which they were
// stands in the object store; it is written before they are retired too, so that a crash in
// between forgets none.
func (s *Server) Divide(ctx context.Context, plan job.StreamPlan, stood []job.Position) error {
	if err := s.divide(ctx, plan, stood); err != nil {
		return fmt.Errorf("divide the stream of %s: %w", plan.Pipeline, err)
	}
	return nil
}

func (s *Server) divide(ctx context.Context, plan job.StreamPlan, stood []job.Position) error {
	pipeline := plan.Pipeline
	owners, err := s.owners(ctx, pipeline)
	if err != nil {
		return err
	}
	ids := make([]string, len(plan.Shards))
	for i, shard := range plan.Shards {
		ids[i] = stream.TransactionalID(pipeline, shard.Stage, plan.Stage(shard.Stage).Topic, shard.Partitions)
	}
	var gone []string
	for _, id := range owners {
		if !slices.Contains(ids, id) {
			gone = append(gone, id)
		}
	}
	if err := s.record(ctx, pipeline, slices.Concat(gone, ids)); err != nil {
		return err
	}
	if len(gone) == 0 {
		return nil
	}
	s.Logger.Info("the partitions are divided anew; retiring their owners of before", "pipeline", pipeline, "owners", gone)
	for _, id := range gone {
		if err := s.retire(ctx, plan, stood, id); err != nil {
			return err
		}
	}
	return s.record(ctx, pipeline, ids)
}

// owners are those of the division before, as record has left them.
func (s *Server) owners(ctx context.Context, pipeline string) (ids []string, err error) {
	recorded, err := s.Store.GetNamed(ctx, ownersOf(pipeline))
	if err == nil {
		err = json.Unmarshal(recorded, &ids)
	}
	if err != nil && !errors.Is(err, artifact.ErrNotFound) {
		return nil, fmt.Errorf("read the owners of before: %w", err)
	}
	return ids, nil
}

func ownersOf(pipeline string) string { return "streams/" + pipeline + "/owners.json" }

// grown answers for a topic that may have more partitions than when the pipeline read it last. began is how many had been
// read: those behind hold records that nobody has read, wherever the stream was told to start. It goes by what is committed, since
// a plan that came to nothing leaves owners and no offsets. owned is how many the division before had. Both are 0 where the
// topic has no more, or nothing that was committed is known.
func (s *Server) grown(ctx context.Context, pipeline, topic string, partitions int) (began, owned int, err error) {
	positions, err := stream.Group(ctx, s.Kafka, stream.GroupID(pipeline), topic)
	if err != nil {
		return 0, 0, err
	}
	if began = readBefore(positions); began == 0 {
		return 0, 0, nil
	}
	owners, err := s.owners(ctx, pipeline)
	if err != nil {
		return 0, 0, err
	}
	if owned = ownedBefore(owners, pipeline, topic); owned >= partitions {
		owned = 0
	}
	return began, owned, nil
}

// readBefore is the number of the last partition with a committed offset, and one; 0 where that is all of them or none.
func readBefore(positions []stream.GroupPosition) (n int) {
	for i, p := range positions {
		if p.Committed >= 0 {
			n = i + 1
		}
	}
	if n == len(positions) {
		return 0
	}
	return n
}

// ownedBefore is how many partitions of the source some owners had together.
func ownedBefore(owners []string, pipeline, topic string) (n int) {
	for _, id := range owners {
		for _, p := range stream.OwnedBy(id, pipeline, 0, topic) {
			n = max(n, int(p)+1)
		}
	}
	return n
}

// retire ends an owner that is known by its id. One of another topic, as after the pipeline
// was changed, is only fenced: its offsets are not this stream's.
func (s *Server) retire(ctx context.Context, plan job.StreamPlan, stood []job.Position, id string) error {
	var partitions []int32
	stage := 0
	for ; stage < max(1, len(plan.Stages)); stage++ {
		if partitions = stream.OwnedBy(id, plan.Pipeline, stage, plan.Stage(stage).Topic); partitions != nil {
			break
		}
	}
	if partitions == nil {
		return stream.Fence(ctx, s.Kafka, []string{id})
	}
	start, err := stream.ParseStart(plan.Start)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	o := owner(plan, stage, partitions)
	o.Kafka, o.Start, o.Added, o.Stood, o.Logger = s.Kafka, start, int32(plan.Began), positions(of(stage, stood)), s.Logger
	return stream.Retire(ctx, o, plan.Orders.Generation)
}

// owner is a loop of a stage, as far as who retires it must know.
func owner(plan job.StreamPlan, stage int, partitions []int32) stream.Options {
	return stream.Options{
		Pipeline: plan.Pipeline, Stage: stage, Group: plan.Group, Topic: plan.Stage(stage).Topic, Partitions: partitions,
		// Where its results go decides what they tell. Predictions name records of the source, but are not the results of a stage that
		// handed these on: judged by predictions that were aborted, it would be set back and hand them on again.
		Output: plan.Output, DeadLetters: plan.DeadLetters, Forward: forward(plan, job.Shard{Stage: stage}),
		Repeatable: plan.Stage(stage).Kind == job.StageLabels,
		// Whoever divides decides about the partitions.
		StillOwner: func(context.Context) bool { return plan.Sink == string(stream.SinkKafka) },
	}
}

// of are the positions of one stage.
func of(stage int, all []job.Position) []job.Position {
	return slices.DeleteFunc(slices.Clone(all), func(p job.Position) bool { return p.Stage != stage })
}

func (s *Server) record(ctx context.Context, pipeline string, ids []string) error {
	data, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("record owners: %w", err)
	}
	if err := s.Store.PutNamed(ctx, ownersOf(pipeline), data); err != nil {
		return fmt.Errorf("record owners: %w", err)
	}
	return nil
}
