package stream

import (
	"context"
	"log/slog"
	"time"
)

// miss notes the results between a standing's stable offset and its end that are not there for
// readers of committed records.
func (s *producer) miss(ctx context.Context, it standing, gone map[int32]int64) error {
	all, err := s.inputs(ctx, it, "read_uncommitted")
	if err != nil {
		return err
	}
	kept, err := s.inputs(ctx, it, "read_committed")
	if err != nil {
		return err
	}
	lost := map[int32]int64{}
	for at := range all {
		if first, known := lost[at.Partition]; !kept[at] && (!known || at.Offset < first) {
			lost[at.Partition] = at.Offset
		}
	}
	for at := range kept {
		if first, known := lost[at.Partition]; known && at.Offset > first {
			s.Logger.Error("results have been lost between others: their records cannot be scored again by themselves", slog.String("where", it.String()),
				slog.Int("partition", int(at.Partition)), slog.Int64("first", first), slog.String("do", "starter audit tells which"))
			delete(lost, at.Partition)
		}
	}
	for p, first := range lost {
		if before, known := gone[p]; !known || first < before {
			gone[p] = first
		}
	}
	return nil
}

// inputs are the records of the partitions owned that have a result there.
func (s *producer) inputs(ctx context.Context, it standing, level string) (map[Place]bool, error) {
	r, err := readerOf(s.Kafka, it.topic, level)
	if err != nil {
		return nil, err
	}
	defer r.Close() // nothing is lost: a reader commits nothing
	of := predicted
	if it.topic == s.DeadLetters {
		of = died
	}
	owned := map[int32]bool{}
	for _, p := range s.Partitions {
		owned[p] = true
	}
	found := map[Place]bool{}
	ends := make([]int64, it.partition+1)
	ends[it.partition] = it.end
	err = r.between(ctx, map[int32]int64{it.partition: it.stable}, ends, 5*time.Second, func(rec Record) error {
		if it, ok := of(rec); ok && it.topic == s.Topic && owned[it.at.Partition] {
			found[it.at] = true
		}
		return nil
	})
	return found, err
}
