package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"temporal-streaming/internal/record"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// confluent is the wire over confluent-kafka-go. Its calls cross into C once per record,
// which is about half of the loop's cost; a faster crossing would replace poll and send.
type confluent struct {
	Options
	note func(error) // told of trouble that the client mends by itself
}

// dial makes the clients. The settings that matter, with what they buy, are those that
// were measured on Apache Kafka; docs/performance.md has the numbers.
func (w *confluent) dial(limits limits) (source, sink, error) {
	c, err := kafka.NewConsumer(w.Kafka.client("temporal-streaming-"+w.Pipeline, kafka.ConfigMap{
		"group.id":                 w.Group,
		"enable.auto.commit":       false,
		"enable.auto.offset.store": false,
		"isolation.level":          "read_committed",
		"auto.offset.reset":        "error", // a lost offset is a decision for a person
		"fetch.wait.max.ms":        50,
		"fetch.queue.backoff.ms":   5, // the default of 1 s stalls a loop whenever its prefetch queue is full
		"fetch.error.backoff.ms":   50,
		"retry.backoff.ms":         50,
		// Bounded memory: at most this much waits to be polled.
		"queued.min.messages":        100000,
		"queued.max.messages.kbytes": max(1, w.PrefetchBytes>>10),
		// Any record that a broker serves can be read.
		"fetch.max.bytes":           52428800,
		"receive.message.max.bytes": largestRecord + 1<<20,
		"go.events.channel.size":    1,
		"go.logs.channel.enable":    true,
	}))
	if err != nil {
		return nil, nil, fmt.Errorf("make consumer: %w", err)
	}
	go w.forward(c.Logs())
	src := &consumer{confluent: w, c: c, parts: make([]kafka.TopicPartition, len(w.Partitions)), readable: kafka.TopicPartition{}}
	for i, p := range w.Partitions {
		src.parts[i] = kafka.TopicPartition{Topic: &w.Topic, Partition: p}
	}
	p, err := kafka.NewProducer(w.Kafka.client("temporal-streaming-"+w.Pipeline, w.producing(limits)))
	if err != nil {
		src.close()
		return nil, nil, fmt.Errorf("make producer: %w", err)
	}
	go w.forward(p.Logs())
	snk := &producer{confluent: w, p: p, from: src, barrier: make(chan chan struct{}), done: make(chan struct{})}
	go snk.watch()
	return src, snk, nil
}

// largestRecord is the largest record that can be read and dead-lettered whole. Larger
// ones do not get past the limit of any broker in practice.
const largestRecord = 128 << 20

func (w *confluent) producing(limits limits) kafka.ConfigMap {
	batch := 1000000
	if limits.recordBytes > 0 {
		// A topic whose limit is below a batch refuses batches of small records, too.
		batch = min(batch, limits.recordBytes)
	}
	m := kafka.ConfigMap{
		"enable.idempotence":           true,
		"retry.backoff.ms":             2, // the default of 100 ms is waited for after most commits
		"linger.ms":                    5, // commit flushes; in between this halves the broker's work
		"batch.num.messages":           10000,
		"batch.size":                   batch,
		"message.max.bytes":            largestRecord,
		"queue.buffering.max.messages": 1000000,
		"queue.buffering.max.kbytes":   max(1, w.SendBytes>>10),
		"go.delivery.report.fields":    "none",
		"go.events.channel.size":       1000,
		"go.produce.channel.size":      1,
		"go.logs.channel.enable":       true,
	}
	if w.Delivery == ExactlyOnce {
		// A failed delivery fails the transaction, which is all that the loop needs to know.
		m["go.delivery.reports"] = false
		m["transactional.id"] = TransactionalID(w.Pipeline, w.Stage, w.Topic, w.Partitions)
		m["transaction.timeout.ms"] = int(w.TransactionTimeout.Milliseconds())
	} else {
		m["message.timeout.ms"] = int(w.TransactionTimeout.Milliseconds())
	}
	return m
}

// forward hands the client's own log lines on. They repeat what the loop reports itself,
// so they are for debugging.
func (w *confluent) forward(logs <-chan kafka.LogEvent) {
	for e := range logs {
		w.Logger.Debug(e.Message, slog.String("client", e.Name), slog.String("tag", e.Tag))
	}
}

type consumer struct {
	*confluent
	c        *kafka.Consumer
	parts    []kafka.TopicPartition // of Partitions, in their order
	readable kafka.TopicPartition
}

func (s *consumer) committed(ctx context.Context) (next []int64, err error) {
	err = patiently(ctx, func(ms int) error {
		answer, err := s.c.Committed(s.parts, ms)
		if err == nil {
			next, err = offsets(answer)
		}
		return err
	})
	var refused kafka.Error
	if errors.As(err, &refused) && refused.Code() == kafka.ErrGroupIDNotFound {
		// Some brokers answer so for a group that has never committed, where Apache Kafka
		// answers that nothing is committed.
		return slices.Repeat([]int64{-1}, len(s.parts)), nil
	}
	return next, err
}

func offsets(parts []kafka.TopicPartition) ([]int64, error) {
	next := make([]int64, len(parts))
	for i, p := range parts {
		if p.Error != nil {
			return nil, p.Error
		}
		next[i] = max(-1, int64(p.Offset))
	}
	return next, nil
}

func (s *consumer) bounds(ctx context.Context) (first, end []int64, err error) {
	for _, p := range s.parts {
		err := patiently(ctx, func(ms int) error {
			low, high, err := s.c.QueryWatermarkOffsets(s.Topic, p.Partition, ms)
			if err == nil {
				first, end = append(first, low), append(end, high)
			}
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return first, end, nil
}

func (s *consumer) since(ctx context.Context, t time.Time) (begin []int64, err error) {
	asked := slices.Clone(s.parts)
	for i := range asked {
		asked[i].Offset = kafka.Offset(t.UnixMilli())
	}
	err = patiently(ctx, func(ms int) error {
		answer, err := s.c.OffsetsForTimes(asked, ms)
		if err == nil {
			begin, err = offsets(answer) // -1 where no record is as young
		}
		return err
	})
	return begin, err
}

// patiently repeats a call that only asks, or can be resumed, while nobody answers: a
// second at a time, so that the end of ctx is noticed. Besides a slow broker this covers a
// coordinator that is not known yet, as right after a group's first use.
func patiently(ctx context.Context, call func(ms int) error) error {
	for {
		err := call(min(1000, millis(ctx)))
		if err == nil || ctx.Err() != nil || !retryable(err) {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *consumer) assign(next []int64) error {
	for i := range s.parts {
		s.parts[i].Offset = kafka.Offset(next[i])
	}
	return s.c.Assign(s.parts)
}

func (s *consumer) poll(in []record.Message, max, maxBytes int, wait time.Duration) ([]record.Message, error) {
	// The client waits in milliseconds; a wait below one would become none, and the loop would spin.
	timeout := int((wait + time.Millisecond - 1) / time.Millisecond)
	for size := 0; len(in) < max && size < maxBytes; timeout = 0 {
		switch e := s.c.Poll(timeout).(type) {
		case nil:
			return in, nil
		case *kafka.Message:
			if e.TopicPartition.Error != nil {
				return in, s.lost(e.TopicPartition.Error, e.TopicPartition.Partition)
			}
			m := record.Message{
				Partition: e.TopicPartition.Partition, Offset: int64(e.TopicPartition.Offset), Timestamp: -1,
				Key: e.Key, Value: e.Value,
			}
			if e.TimestampType != kafka.TimestampNotAvailable {
				m.Timestamp = e.Timestamp.UnixMilli()
			}
			in = append(in, m)
			size += len(e.Key) + len(e.Value)
		case kafka.Error:
			if ends(e) {
				return in, s.lost(e, -1)
			}
			s.note(e)
		}
	}
	return in, nil
}

// ends tells the consumer errors that the client does not mend by itself.
func ends(e kafka.Error) bool {
	switch e.Code() {
	case kafka.ErrAutoOffsetReset, kafka.ErrOffsetOutOfRange, kafka.ErrUnknownTopicOrPart, kafka.ErrUnknownTopic,
		kafka.ErrUnknownPartition, kafka.ErrTopicAuthorizationFailed, kafka.ErrGroupAuthorizationFailed:
		return true
	}
	return e.IsFatal()
}

// lost marks the errors by which the broker says that it no longer has what is asked for.
func (s *consumer) lost(err error, partition int32) error {
	if c := code(err); c != kafka.ErrAutoOffsetReset && c != kafka.ErrOffsetOutOfRange {
		return err
	}
	return &outOfRange{partition: partition, cause: err}
}

// outOfRange says that fetching failed for want of the offset. The session that starts
// next compares offsets with the broker's bounds and tells which partition and what gap.
type outOfRange struct {
	partition int32
	cause     error
}

func (e *outOfRange) Error() string { return e.cause.Error() }
func (e *outOfRange) Unwrap() error { return e.cause }

func (s *consumer) end(partition int32) int64 {
	_, high, err := s.c.GetWatermarkOffsets(s.Topic, partition)
	if err != nil || high < 0 {
		return -1
	}
	return high
}

func (s *consumer) close() {
	if err := s.c.Close(); err != nil && !errors.Is(err, context.Canceled) {
		s.Logger.Debug("close consumer", slog.Any("error", err))
	}
}
