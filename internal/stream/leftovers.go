package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

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
	hidden, err := s.hidden(ctx, admin)
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
	if len(hidden) > 0 {
		s.Logger.Warn("records of an earlier transaction are still open behind its end; aborting them", slog.String("where", fmt.Sprint(hidden)),
			slog.String("do", "nothing: what they were made of is scored again, unless it was before"))
		if err := s.writeDown(ctx, doubts); err != nil {
			return nil, err
		}
		if err := s.overrule(ctx, hidden); err != nil {
			return nil, err
		}
	}
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

// doubt is the metadata of an offset of the output in the group: from that offset to End, results
// were hidden, and may be gone.
type doubt struct {
	End int64 `json:"hidden_to"`
}

// doubts are those that were written down where the sink writes, and not crossed out.
func (s *producer) doubts(ctx context.Context) (map[ground]standing, error) {
	var asked []kafka.TopicPartition
	for _, at := range s.written() {
		asked = append(asked, kafka.TopicPartition{Topic: &at.topic, Partition: at.partition})
	}
	if len(asked) == 0 {
		return map[ground]standing{}, nil
	}
	answer, err := s.fromGroup(ctx, asked)
	if err != nil && code(err) != kafka.ErrGroupIDNotFound {
		return nil, fmt.Errorf("read what is in doubt: %w", err)
	}
	found := map[ground]standing{}
	for _, it := range answer {
		var d doubt
		if it.Error != nil {
			return nil, fmt.Errorf("read what is in doubt: %w", it.Error)
		}
		if it.Offset < 0 || it.Metadata == nil || json.Unmarshal([]byte(*it.Metadata), &d) != nil || d.End <= int64(it.Offset) {
			continue
		}
		at := ground{*it.Topic, it.Partition}
		found[at] = standing{ground: at, stable: int64(it.Offset), end: d.End}
	}
	return found, nil
}

// fromGroup reads offsets. If they hang in a transaction of ours that is over, as in readOffsets,
// that one was to write down a doubt, and came to nothing: it is cleared away.
func (s *producer) fromGroup(ctx context.Context, parts []kafka.TopicPartition) (answer []kafka.TopicPartition, err error) {
	for range 2 {
		within, cancel := context.WithTimeout(ctx, pendingAfter)
		err = patiently(within, func(ms int) (err error) {
			answer, err = s.from.c.Committed(parts, ms)
			return err
		})
		expired := within.Err() != nil
		cancel()
		if err == nil || !expired || ctx.Err() != nil {
			return answer, err
		}
		if err := s.clear(ctx); err != nil {
			return nil, err
		}
	}
	return answer, err
}

// writeDown commits doubts to the group.
func (s *producer) writeDown(ctx context.Context, doubts map[ground]standing) error {
	var parts []kafka.TopicPartition
	for at, it := range doubts {
		text, err := json.Marshal(doubt{it.end})
		if err != nil {
			return err
		}
		metadata := string(text)
		parts = append(parts, kafka.TopicPartition{Topic: &at.topic, Partition: at.partition, Offset: kafka.Offset(it.stable), Metadata: &metadata})
	}
	group, err := s.from.c.GetConsumerGroupMetadata()
	if err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	if err := s.again(ctx, func(ctx context.Context) error { return s.p.SendOffsetsToTransaction(ctx, parts, group) }); err != nil {
		return err
	}
	return s.again(ctx, func(ctx context.Context) error { return s.p.CommitTransaction(ctx) })
}

// crossedOut are the offsets that end doubts, to be committed with others.
func (s *producer) crossedOut() (parts []kafka.TopicPartition) {
	for _, it := range s.settled {
		none := ""
		parts = append(parts, kafka.TopicPartition{Topic: &it.topic, Partition: it.partition, Offset: kafka.Offset(it.end), Metadata: &none})
	}
	return parts
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

// A transaction in hand, of whoever shares a partition, takes milliseconds.
const (
	hiddenLooks = 3
	hiddenPause = 30 * time.Millisecond
)

// hidden answers where the sink writes and a transaction stands open.
func (s *producer) hidden(ctx context.Context, admin *kafka.AdminClient) ([]standing, error) {
	places, stood := s.written(), map[ground]int64{}
	var hidden []standing
	for look := range hiddenLooks {
		if look > 0 {
			time.Sleep(hiddenPause)
		}
		found, err := standings(ctx, admin, places)
		if err != nil {
			return nil, fmt.Errorf("look for open transactions: %w", err)
		}
		places, hidden = places[:0], hidden[:0]
		for _, it := range found {
			at, seen := stood[it.ground]
			if it.stable < it.end && (!seen || at == it.stable) {
				places, hidden = append(places, it.ground), append(hidden, it)
				stood[it.ground] = it.stable
			}
		}
		if len(hidden) == 0 {
			break
		}
	}
	return hidden, nil
}

// ended waits until what was open before a standing's end is open no more.
// Its end is then that of what can be read.
func ended(ctx context.Context, admin *kafka.AdminClient, was *standing) (bool, error) {
	for deadline := time.Now().Add(answerTimeout); ; time.Sleep(hiddenPause) {
		found, err := standings(ctx, admin, []ground{was.ground})
		if err != nil {
			return false, fmt.Errorf("look for open transactions: %w", err)
		}
		if found[0].stable >= was.end {
			was.end = found[0].stable
			return true, nil
		}
		if time.Now().After(deadline) {
			return false, nil
		}
	}
}

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
		if topic, at, ok := of(rec); ok && topic == s.Topic && owned[at.Partition] {
			found[at] = true
		}
		return nil
	})
	return found, err
}

// written are the partitions that results of the partitions owned go to.
func (s *producer) written() (places []ground) {
	seen := map[ground]bool{}
	for _, to := range []destination{toOutput, toDeadLetters} {
		for _, p := range s.Partitions {
			if n := s.sizes[to]; n > 0 {
				if at := (ground{*s.topic(to), p % n}); !seen[at] {
					seen[at] = true
					places = append(places, at)
				}
			}
		}
	}
	return places
}
