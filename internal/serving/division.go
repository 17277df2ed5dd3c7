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
	key := "streams/" + pipeline + "/owners.json"
	var owners []string
	recorded, err := s.Store.GetNamed(ctx, key)
	if err == nil {
		err = json.Unmarshal(recorded, &owners)
	}
	if err != nil && !errors.Is(err, artifact.ErrNotFound) {
		return fmt.Errorf("read the owners of before: %w", err)
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
	if err := s.record(ctx, key, slices.Concat(gone, ids)); err != nil {
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
	return s.record(ctx, key, ids)
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
	return stream.Retire(ctx, stream.Options{
		Kafka: s.Kafka, Pipeline: plan.Pipeline, Stage: stage, Group: plan.Group, Topic: plan.Stage(stage).Topic, Partitions: partitions,
		Output: plan.Output, DeadLetters: plan.DeadLetters, Start: start, Added: int32(plan.Began), Stood: positions(of(stage, stood)), Logger: s.Logger,
		// Whoever divides decides about the partitions. Of a stream with stages the results tell too little.
		StillOwner: func(context.Context) bool { return len(plan.Stages) == 0 && plan.Sink == string(stream.SinkKafka) },
	}, plan.Orders.Generation)
}

// of are the positions of one stage.
func of(stage int, all []job.Position) []job.Position {
	return slices.DeleteFunc(slices.Clone(all), func(p job.Position) bool { return p.Stage != stage })
}

func (s *Server) record(ctx context.Context, key string, ids []string) error {
	data, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("record owners: %w", err)
	}
	if err := s.Store.PutNamed(ctx, key, data); err != nil {
		return fmt.Errorf("record owners: %w", err)
	}
	return nil
}
