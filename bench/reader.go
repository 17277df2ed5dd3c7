package main

import (
	"context"
	"fmt"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/internal/stream"
)

// isolation says which records a reader sees.
type isolation string

const (
	readCommitted   isolation = "read_committed"
	readUncommitted isolation = "read_uncommitted"
)

// reader reads all partitions of a topic.
type reader struct {
	kafka stream.Kafka
	c     *kafka.Consumer
	left  int // partitions whose end was not reached
}

// read begins at the first records, or at those that come from now on.
func (s *site) read(topic string, level isolation, fromEnd bool) (*reader, error) {
	fail := func(err error) (*reader, error) { return nil, fmt.Errorf("read %s: %w", topic, err) }
	c, err := kafka.NewConsumer(clientOf(s.kafka, "reader", kafka.ConfigMap{
		"group.id": "bench.reader", "enable.auto.commit": false, "enable.auto.offset.store": false,
		"isolation.level": string(level), "auto.offset.reset": "error", "enable.partition.eof": !fromEnd,
		"fetch.wait.max.ms": 500, "fetch.queue.backoff.ms": 5, // an answer comes as soon as there is a record
		"reconnect.backoff.max.ms": 250, // back when the broker is, so that its absence is what is seen
		"statistics.interval.ms":   1000,
	}))
	if err != nil {
		return fail(err)
	}
	r := &reader{kafka: s.kafka, c: c}
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
	case *kafka.Stats:
		if _, err := r.kafka.Remind(r.c, e.String()); err != nil {
			return nil, err
		}
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
