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

// divide deals partitions out to at most n shards, in runs of neighbours whose lengths
// differ by one at most.
func divide(partitions []int32, n int) []job.Shard {
	n = max(1, min(n, len(partitions)))
	shards := make([]job.Shard, n)
	for i := range n {
		shards[i] = job.Shard{ID: i, Partitions: partitions[i*len(partitions)/n : (i+1)*len(partitions)/n]}
	}
	return shards
}

// claim makes a division of a pipeline's partitions the only one that can commit.
//
// A transactional id fences only its own predecessors. An owner of partitions 0-3 that
// was frozen, or cut off from Temporal, would go on beside new owners of 0-1 and 2-3,
// and both would commit every record. So the ids of the division before are fenced before
// anybody reads an offset under the new ones. Which they were stands in the object store;
// it is written before the fencing too, so that a crash in between forgets none.
func (s *Server) claim(ctx context.Context, pipeline, topic string, shards []job.Shard) error {
	key := "streams/" + pipeline + "/owners.json"
	var owners []string
	recorded, err := s.Store.GetNamed(ctx, key)
	if err == nil {
		err = json.Unmarshal(recorded, &owners)
	}
	if err != nil && !errors.Is(err, artifact.ErrNotFound) {
		return fmt.Errorf("read the owners of %s before: %w", topic, err)
	}
	ids := make([]string, len(shards))
	for i, shard := range shards {
		ids[i] = stream.TransactionalID(pipeline, 0, topic, shard.Partitions)
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
	s.Logger.Info("the partitions are divided anew; fencing their owners of before", "pipeline", pipeline, "owners", gone)
	if err := stream.Fence(ctx, s.Kafka, gone); err != nil {
		return err
	}
	return s.record(ctx, key, ids)
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
