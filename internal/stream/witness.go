package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"temporal-streaming/internal/score"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// A broker that has forgotten commits (ErrBehind) is not the only witness to them: the
// transaction that committed an offset has committed a result for the record before it, and
// the result names that record. So what was scored can be told from the output and the dead
// letters, as surely as from the offsets. They are read after init: nobody can add to them.

// offsetsAtHand are the committed offsets. Where the broker answers older ones than are known,
// or pending ones were cleared away, the results are asked; where results were taken back, their
// records are scored again. changed tells that offsets must be committed, which also sets the
// broker's memory right.
func (s *session) offsetsAtHand(ctx context.Context) (marks []mark, changed bool, err error) {
	marks, cleared, err := s.readOffsets(ctx)
	if err != nil || !s.witnessed() {
		return marks, false, err
	}
	if changed, err = s.takeBack(ctx, marks); err != nil {
		return nil, false, err
	}
	var results []int64
	for i := range marks {
		m := &marks[i]
		behind := s.behind(i, *m)
		if _, named := s.orders.Seek.to(s.Partitions[i]); behind == nil && !cleared || named || m.Seek != "" {
			continue // results of before a seek say nothing about where it led
		}
		if results == nil {
			// A loop whose partitions were given to others while it was frozen is told so by the
			// generation in the offsets, which may be forgotten, too. So its lease is asked.
			if s.StillOwner == nil || !s.StillOwner(ctx) {
				return marks, changed, nil
			}
			if results, err = s.src.results(ctx); err != nil {
				return nil, false, errors.Join(behind, fmt.Errorf("ask the results for what is committed: %w", err))
			}
		}
		switch {
		case results[i] == m.next:
			s.forget(i, m.next, behind)
			continue
		case results[i] < max(m.next, s.stood[i]):
			continue // they were deleted
		}
		s.Logger.Warn("the broker has forgotten commits; going on behind the last record that has a committed result",
			slog.Int("partition", int(s.Partitions[i])), slog.Int64("broker says", m.next), slog.Int64("was committed", s.stood[i]), slog.Int64("goes on at", results[i]),
			slog.String("do", "nothing for this stream; other groups of that coordinator may be behind, too: restart the broker that coordinates the group when it suits"))
		s.note(cmp.Or(behind, ErrBehind))
		m.next, changed = results[i], true
		m.Since = min(m.Since, m.next)
	}
	return marks, changed, nil
}

// forget gives up an offset that is known to have been committed, where the broker's offsets
// and the results agree that it is not: both have lost the transaction, and so it never was.
func (s *session) forget(i int, at int64, behind error) {
	if behind == nil {
		return
	}
	s.Logger.Warn("a transaction that the broker had confirmed is neither in the offsets nor in the results; its records are scored again",
		slog.Any("error", behind), slog.String("do", "nothing for this stream; the broker has broken its word (KAFKA-20734): upgrade it when that is mended"))
	s.note(behind)
	s.stood[i] = at
}

// takeBack aborts results that no transaction covers any more, and goes back to the first of
// their records where their offsets were committed.
func (s *session) takeBack(ctx context.Context, marks []mark) (changed bool, err error) {
	gone, err := s.snk.leftovers(ctx)
	if err != nil {
		return false, err
	}
	for i, p := range s.Partitions {
		m := &marks[i]
		first, some := gone[p]
		if !some || first >= m.next {
			continue
		}
		s.Logger.Warn("results were not committed with their offsets; their records are scored again", slog.Int("partition", int(p)),
			slog.Int64("from", first), slog.Int64("to", m.next), slog.String("do", "nothing for this stream; upgrade the broker when KAFKA-20734 is mended"))
		m.next, changed = first, true
		m.Since = min(m.Since, first)
		s.stood[i] = min(s.stood[i], first)
	}
	return changed, nil
}

// witnessed tells whether every record that was committed has a committed result that can be
// read again. What is handed on to another stage has results of that one only, later, and what
// only adds to a history has none.
func (s *session) witnessed() bool {
	return s.Delivery == ExactlyOnce && s.Sink == SinkKafka && s.Stage == 0 && len(s.Forward) == 0 && s.History == nil
}

// results answers, for every partition owned, the offset behind the last record that has a
// committed prediction or dead letter, -1 where there is none.
func (s *consumer) results(ctx context.Context) ([]int64, error) {
	next := make([]int64, len(s.Partitions))
	for i := range next {
		next[i] = -1
	}
	for _, from := range []struct {
		topic string
		of    func(Record) (topic string, at Place, ok bool)
	}{{s.Output, predicted}, {s.DeadLetters, died}} {
		last, err := lastResults(ctx, s.Kafka, from.topic, s.Partitions, func(r Record) (Place, bool) {
			topic, at, ok := from.of(r)
			return at, ok && topic == s.Topic
		})
		if err != nil {
			return nil, fmt.Errorf("find the last results in %s: %w", from.topic, err)
		}
		for i, p := range s.Partitions {
			if offset, found := last[p]; found {
				next[i] = max(next[i], offset+1)
			}
		}
	}
	return next, nil
}

func predicted(r Record) (topic string, at Place, ok bool) {
	p, err := score.DecodePrediction(r.Value)
	return p.Topic, Place{p.Partition, p.Offset}, err == nil
}

func died(r Record) (topic string, at Place, ok bool) {
	topic, _ = r.Header(HeaderTopic)
	partition, _ := r.Header(HeaderPartition)
	offset, _ := r.Header(HeaderOffset)
	p, err1 := strconv.ParseInt(partition, 10, 32)
	o, err2 := strconv.ParseInt(offset, 10, 64)
	return topic, Place{int32(p), o}, err1 == nil && err2 == nil
}

// How much of a topic's end is read for the last results: at first, and at most, where the
// end has none.
const (
	firstTail = 20_000
	lastTail  = 16 * 16 * firstTail
)

// lastResults reads the end of a topic for the last offset of each partition owned that has a
// result there. Results stand in the order of their records.
func lastResults(ctx context.Context, k Kafka, topic string, owned []int32, of func(Record) (Place, bool)) (map[int32]int64, error) {
	var first, ends []int64
	err := withAdmin(ctx, k, func(a *kafka.AdminClient) error {
		n, err := partitions(a, topic, millis(ctx))
		if err != nil {
			return err
		}
		if first, err = listOffsets(ctx, a, topic, n, kafka.EarliestOffsetSpec); err != nil {
			return err
		}
		ends, err = listOffsets(ctx, a, topic, n, kafka.LatestOffsetSpec)
		return err
	})
	if err != nil {
		return nil, err
	}
	last := map[int32]int64{}
	for tail := int64(firstTail); tail <= lastTail; tail *= 16 {
		begin := map[int32]int64{}
		for _, p := range owned {
			at := p % int32(len(ends))
			if _, found := last[p]; !found && (tail == firstTail || ends[at]-tail/16 > first[at]) {
				begin[at] = max(first[at], ends[at]-tail)
			}
		}
		if len(begin) == 0 {
			break
		}
		if err := readTail(ctx, k, topic, begin, ends, func(r Record) {
			if at, ok := of(r); ok {
				last[at.Partition] = max(last[at.Partition], at.Offset)
			}
		}); err != nil {
			return nil, err
		}
	}
	return last, nil
}

// readTail fails if it cannot read to the ends, as where a transaction is open: what it hides
// may be results.
func readTail(ctx context.Context, k Kafka, topic string, begin map[int32]int64, ends []int64, visit func(Record)) error {
	r, err := idleReader(k, topic)
	if err != nil {
		return err
	}
	defer r.Close() // nothing is lost: a reader commits nothing
	return r.between(ctx, begin, ends, 5*time.Second, func(rec Record) error {
		visit(rec)
		return nil
	})
}
