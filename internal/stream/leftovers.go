package stream

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// The end of a transaction may miss some of its records. Apache Kafka from its Java metadata
// cache on (KAFKA-20734; seen on 4.4.0) takes a partition that has no leader at the moment for
// one that was deleted, and calls the transaction complete without a word to it. Brokers that
// start, or are too busy for their heartbeats, are in that state. Such records hide all that
// follows from readers of committed records; and the next end of the same producer in that
// partition, a commit or an abort, becomes theirs, whatever was decided before.
//
// So whoever takes over ends them, before anything else: an aborted transaction of its own
// makes them what they are for readers, never there. If they were committed after all, as
// where the group's offsets were told and the output was not, their records are scored again.

// leftovers aborts what earlier transactions of the id have left open where the sink writes.
// It answers, by partition owned, the first offset whose result went with it, if any.
// Others may have transactions open in the same partitions; those move on, and are not touched.
//
// Between the abort and the commit of the offsets to go back to, this loop may die, too. So where
// to look is written down before, in the group's offsets of the output, and crossed out by
// the first commit.
func (s *producer) leftovers(ctx context.Context) (gone map[int32]int64, err error) {
	admin, err := kafka.NewAdminClientFromProducer(s.p)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	hidden, err := hiddenIn(ctx, admin, s.written())
	if err != nil {
		return nil, err
	}
	doubts, err := s.doubts(ctx)
	if err != nil {
		return nil, err
	}
	for _, it := range hidden {
		if before, known := doubts[it.ground]; known {
			it.stable = min(it.stable, before.stable)
		}
		doubts[it.ground] = it
	}
	if hidden = s.fresh(hidden); len(hidden) > 0 {
		s.Logger.Warn("records of an earlier transaction are still open behind its end; aborting them", slog.String("where", fmt.Sprint(hidden)),
			slog.String("do", "nothing: what they were made of is scored again, unless it was before"))
		err := s.asOwner(ctx, func(by *producer) error {
			if err := by.writeDown(ctx, doubts); err != nil {
				return err
			}
			return by.overrule(ctx, hidden)
		})
		if err != nil {
			return nil, err
		}
	}
	s.settled = nil
	gone = map[int32]int64{}
	for _, it := range doubts {
		if over, err := ended(ctx, admin, &it); err != nil {
			return nil, err
		} else if !over {
			s.Logger.Warn("a transaction of somebody else hangs there", slog.String("where", it.String()), slog.String("do", FaultWithheld.advice(s.Kafka)))
			continue
		}
		if err := s.miss(ctx, it, gone); err != nil {
			return nil, err
		}
		s.settled = append(s.settled, it)
	}
	return gone, nil
}

// unhide aborts what earlier transactions of the id have left open where a stage writes, in the next topic, too. There others may
// have transactions open for as long as they like, which this does not touch: so it is done only where an offset that was
// committed for certain is gone, and the results that would tell why are hidden; or where results of what is not committed stand open.
func (s *producer) unhide(ctx context.Context) error {
	admin, err := kafka.NewAdminClientFromProducer(s.p)
	if err != nil {
		return err
	}
	defer admin.Close()
	places := s.written()
	for i := range s.Forward {
		for p := range s.sizes[int(toForward)+i] {
			places = append(places, ground{s.Forward[i], p})
		}
	}
	hidden, err := hiddenIn(ctx, admin, places)
	if hidden = s.fresh(hidden); err != nil || len(hidden) == 0 {
		return err
	}
	s.Logger.Warn("records stand open where this stage writes; aborting those of its own earlier transactions", slog.String("where", fmt.Sprint(hidden)),
		slog.String("do", "nothing: what they were made of is handled again, unless it was before"))
	return s.asOwner(ctx, func(by *producer) error { return by.overrule(ctx, hidden) })
}

// fresh are those of some standings that were not overruled before, in vain: they are somebody else's.
func (s *producer) fresh(hidden []standing) (fresh []standing) {
	if s.overruled == nil {
		s.overruled = map[ground]int64{}
	}
	for _, it := range hidden {
		if at, known := s.overruled[it.ground]; !known || at != it.stable {
			fresh = append(fresh, it)
			s.overruled[it.ground] = it.stable
		}
	}
	return fresh
}

// overrule runs a transaction in some partitions, and aborts it.
func (s *producer) overrule(ctx context.Context, where []standing) error {
	if err := s.begin(); err != nil {
		return err
	}
	sent := s.mark(ctx, where)
	if err := s.again(ctx, func(ctx context.Context) error { return s.p.AbortTransaction(ctx) }); err != nil {
		return err
	}
	return sent
}

// mark puts a record that nobody will see into each of some partitions.
func (s *producer) mark(ctx context.Context, where []standing) error {
	for _, at := range where {
		m := kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &at.topic, Partition: at.partition}}
		if err := s.p.Produce(&m, nil); err != nil {
			return err
		}
	}
	for s.p.Flush(100) > 0 {
		if ctx.Err() != nil {
			return fmt.Errorf("records that end a transaction are not acknowledged: %w", ctx.Err())
		}
		if f := s.failure.Load(); f != nil {
			return f.err
		}
	}
	return nil
}
