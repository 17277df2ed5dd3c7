package stream

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/stream/crossing"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// consumer is the source over the client library.
type consumer struct {
	*confluent
	c     *kafka.Consumer
	batch *crossing.Poller       // nil: the public calls
	parts []kafka.TopicPartition // of Partitions, in their order
}

func (s *consumer) committed(ctx context.Context) ([]mark, error) {
	return committed(ctx, s.c, s.parts)
}

// committed answers what the consumer's group has committed.
func committed(ctx context.Context, c *kafka.Consumer, parts []kafka.TopicPartition) (marks []mark, err error) {
	err = patiently(ctx, func(ms int) error {
		answer, err := c.Committed(parts, ms)
		if err == nil {
			marks, err = readMarks(answer)
		}
		return err
	})
	if code(err) == kafka.ErrGroupIDNotFound {
		// Some brokers answer so for a group that has never committed, where Apache Kafka
		// answers that nothing is committed.
		return slices.Repeat([]mark{{next: -1, note: note{Generation: unordered}}}, len(parts)), nil
	}
	return marks, err
}

func readMarks(parts []kafka.TopicPartition) (marks []mark, err error) {
	marks = make([]mark, len(parts))
	for i, p := range parts {
		if p.Error != nil {
			return nil, p.Error
		}
		metadata := ""
		if p.Metadata != nil {
			metadata = *p.Metadata
		}
		if marks[i], err = readMark(int64(p.Offset), metadata); err != nil {
			return nil, fmt.Errorf("partition %d: %w", p.Partition, err)
		}
	}
	return marks, nil
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
	err = patiently(ctx, func(ms int) (err error) {
		first, end, err = bounds(ctx, s.c, s.parts, ms)
		return err
	})
	return first, end, err
}

func (s *consumer) since(ctx context.Context, t time.Time) (begin []int64, err error) {
	err = patiently(ctx, func(ms int) (err error) {
		begin, err = since(ctx, s.c, s.parts, t, ms)
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

// poll takes the whole batch in one crossing into C where that can be had. Key and Value
// then point into the client's memory, which the next poll gives back.
func (s *consumer) poll(in []record.Message, max, maxBytes int, wait time.Duration) ([]record.Message, error) {
	if s.batch == nil {
		return s.pollEach(in, max, maxBytes, wait)
	}
	in, event, err := s.batch.Poll(in, max, maxBytes, wait)
	switch {
	case err != nil:
		return in, err
	case event == nil:
		return in, nil
	case event.Statistics != "":
		return in, s.statistics(s.c, event.Statistics, s.Kafka.remind)
	case event.Partition >= 0 || ends(event.Err):
		return in, s.lost(event.Err, event.Partition)
	}
	s.note(event.Err)
	return in, nil
}

// pollEach is poll by the client's public call, which crosses once per record.
func (s *consumer) pollEach(in []record.Message, max, maxBytes int, wait time.Duration) ([]record.Message, error) {
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
		case *kafka.Stats:
			if err := s.statistics(s.c, e.String(), s.Kafka.remind); err != nil {
				return in, err
			}
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
	if s.batch != nil {
		s.batch.Close()
	}
	if err := s.c.Close(); err != nil {
		s.Logger.Debug("close consumer", slog.Any("error", err))
	}
}
