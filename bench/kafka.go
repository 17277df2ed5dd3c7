package main

import (
	"context"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
)

// What is measured is also watched and counted, by clients of the library itself: the
// stream's own package is the one under test here.

// clientOf is the configuration of a client.
func clientOf(k stream.Kafka, name string, more kafka.ConfigMap) *kafka.ConfigMap {
	c := kafka.ConfigMap{"bootstrap.servers": k.Brokers, "client.id": "bench-" + name}
	for key, value := range map[string]string{
		"security.protocol": k.SecurityProtocol, "sasl.mechanism": k.SASLMechanism, "sasl.username": k.Username,
		"sasl.password": k.Password, "ssl.ca.location": k.CALocation,
	} {
		if value != "" {
			c[key] = value
		}
	}
	for key, value := range more {
		c[key] = value
	}
	return &c
}

// makeTopics makes a topic of several partitions each.
func (s *site) makeTopics(ctx context.Context, partitions int, names ...string) error {
	specs := make([]stream.TopicSpec, len(names))
	for i, name := range names {
		specs[i] = stream.TopicSpec{Name: name, Partitions: partitions}
	}
	return stream.EnsureTopics(ctx, s.kafka, specs...)
}

// preload sends messages 0 to n-1 as fast as the broker takes them.
func (s *site) preload(ctx context.Context, m *messages, topic string, n int64) error {
	s.bench.say("preloading %s messages of %d bytes", thousands(fmt.Sprint(n)), m.bytes())
	sender, err := stream.NewSender(ctx, stream.SenderOptions{Kafka: s.kafka, Topic: topic, Linger: 20 * time.Millisecond})
	if err != nil {
		return err
	}
	key, value := make([]byte, 36), []byte(nil)
	told := time.Now()
	for i := range n {
		m.key(key, i)
		value = m.value(value[:0], i)
		if err := sender.Send(ctx, key, value); err != nil {
			return err
		}
		if time.Since(told) > 3*time.Second {
			told = time.Now()
			s.bench.say("  %s sent", thousands(fmt.Sprint(i)))
		}
	}
	_, err = sender.Close(ctx)
	return err
}

// position is what a group had committed when it was asked.
type position struct {
	at   time.Time
	next []int64 // of each partition of the plan
}

// watch asks for a group's offsets until they reach the ends, and returns every answer.
// One small request every few milliseconds, which the broker hardly notices; offsets of
// open transactions do not hold it up, since the last stable ones are asked for.
func (s *site) watch(ctx context.Context, p job.StreamPlan, ends []int64, every time.Duration) ([]position, error) {
	c, err := kafka.NewConsumer(clientOf(s.kafka, "watch", kafka.ConfigMap{
		"group.id": p.Group, "enable.auto.commit": false, "isolation.level": "read_uncommitted",
	}))
	if err != nil {
		return nil, fmt.Errorf("watch group %s: %w", p.Group, err)
	}
	defer c.Close()
	parts := make([]kafka.TopicPartition, len(p.Partitions))
	for i, n := range p.Partitions {
		parts[i] = kafka.TopicPartition{Topic: &p.Topic, Partition: n}
	}
	var seen []position
	told := time.Now()
	for tick := time.NewTicker(every); ; {
		answer, err := c.Committed(parts, 1000)
		if e, ok := err.(kafka.Error); ok && (e.IsRetriable() || e.Code() == kafka.ErrTimedOut || e.Code() == kafka.ErrNotCoordinator || e.Code() == kafka.ErrTransport) {
			err, answer = nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("watch group %s: %w", p.Group, err)
		}
		done, committed := len(answer) > 0, int64(0)
		now := position{at: time.Now(), next: make([]int64, len(answer))}
		for i, a := range answer {
			now.next[i] = max(0, int64(a.Offset))
			committed += now.next[i]
			done = done && now.next[i] >= ends[i]
		}
		if len(answer) > 0 {
			seen = append(seen, now)
		}
		if done {
			return seen, nil
		}
		if time.Since(told) > 3*time.Second {
			told = time.Now()
			s.bench.say("  %s committed", thousands(fmt.Sprint(committed)))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("watch group %s: %w", p.Group, ctx.Err())
		case <-tick.C:
		}
	}
}

// ends are the ends of a topic's partitions.
func (s *site) ends(topic string, partitions []int32) ([]int64, error) {
	c, err := kafka.NewConsumer(clientOf(s.kafka, "ends", kafka.ConfigMap{"group.id": "bench.ends"}))
	if err != nil {
		return nil, fmt.Errorf("find the ends of %s: %w", topic, err)
	}
	defer c.Close()
	ends := make([]int64, len(partitions))
	for i, p := range partitions {
		if _, ends[i], err = c.QueryWatermarkOffsets(topic, p, 10_000); err != nil {
			return nil, fmt.Errorf("find the end of %s-%d: %w", topic, p, err)
		}
	}
	return ends, nil
}

// isolation says which records a reader sees.
type isolation string

const (
	readCommitted   isolation = "read_committed"
	readUncommitted isolation = "read_uncommitted"
)

// reader reads all partitions of a topic.
type reader struct {
	c    *kafka.Consumer
	left int // partitions whose end was not reached
}

// read begins at the first records, or at those that come from now on.
func (s *site) read(topic string, level isolation, fromEnd bool) (*reader, error) {
	fail := func(err error) (*reader, error) { return nil, fmt.Errorf("read %s: %w", topic, err) }
	c, err := kafka.NewConsumer(clientOf(s.kafka, "reader", kafka.ConfigMap{
		"group.id": "bench.reader", "enable.auto.commit": false, "enable.auto.offset.store": false,
		"isolation.level": string(level), "auto.offset.reset": "error", "enable.partition.eof": !fromEnd,
		"fetch.wait.max.ms": 500, "fetch.queue.backoff.ms": 5, // an answer comes as soon as there is a record
	}))
	if err != nil {
		return fail(err)
	}
	r := &reader{c: c}
	md, err := c.GetMetadata(&topic, false, 10_000)
	if err != nil {
		c.Close()
		return fail(err)
	}
	var parts []kafka.TopicPartition
	for _, p := range md.Topics[topic].Partitions {
		at := kafka.OffsetBeginning
		if fromEnd {
			_, high, err := c.QueryWatermarkOffsets(topic, p.ID, 10_000)
			if err != nil {
				c.Close()
				return fail(err)
			}
			at = kafka.Offset(high)
		}
		parts = append(parts, kafka.TopicPartition{Topic: &topic, Partition: p.ID, Offset: at})
	}
	if r.left = len(parts); r.left == 0 {
		c.Close()
		return fail(fmt.Errorf("it has no partitions"))
	}
	return r, c.Assign(parts)
}

// next answers a record, or nil when none came for a moment.
func (r *reader) next() (*kafka.Message, error) {
	switch e := r.c.Poll(100).(type) {
	case *kafka.Message:
		return e, e.TopicPartition.Error
	case kafka.PartitionEOF:
		r.left--
	case kafka.Error:
		if e.IsFatal() || e.Code() == kafka.ErrAutoOffsetReset {
			return nil, e
		}
	}
	return nil, nil
}

// each visits every record up to the ends.
func (r *reader) each(ctx context.Context, visit func(*kafka.Message)) error {
	for r.left > 0 {
		m, err := r.next()
		if err != nil {
			return err
		}
		if m != nil {
			visit(m)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (r *reader) close() { r.c.Close() }
