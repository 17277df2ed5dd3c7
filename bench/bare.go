package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// bare is the obvious hand-written loop: poll, produce, and every few milliseconds send
// the offsets along and commit. It has the guarantees of the stream's loop as long as
// nothing fails, and scores nothing. Its clients have the settings that the stream's
// have, since two of the defaults cost more than all the rest.
func (b *bench) bare(ctx context.Context, _ []string) error {
	t, s, err := b.task()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(b.stderr, nil))
	c, err := kafka.NewConsumer(clientOf(s.kafka, "bare", kafka.ConfigMap{
		"group.id": t.Plan.Group, "enable.auto.commit": false, "enable.auto.offset.store": false,
		"isolation.level": "read_committed", "auto.offset.reset": "error", "fetch.wait.max.ms": 50,
		"fetch.queue.backoff.ms": 5, "queued.min.messages": 100000, "queued.max.messages.kbytes": 64 << 10,
	}))
	if err != nil {
		return fmt.Errorf("make consumer: %w", err)
	}
	defer c.Close()
	p, err := kafka.NewProducer(clientOf(s.kafka, "bare", kafka.ConfigMap{
		"transactional.id": "bench-bare." + t.Plan.Output, "enable.idempotence": true, "retry.backoff.ms": 1, "linger.ms": 5,
		"batch.num.messages": 10000, "batch.size": 1000000, "queue.buffering.max.messages": 1000000, "go.delivery.reports": false,
	}))
	if err != nil {
		return fmt.Errorf("make producer: %w", err)
	}
	defer p.Close()
	if err := p.InitTransactions(ctx); err != nil {
		return fmt.Errorf("take over: %w", err)
	}
	parts := make([]kafka.TopicPartition, len(t.Plan.Partitions()))
	for i, n := range t.Plan.Partitions() {
		parts[i] = kafka.TopicPartition{Topic: &t.Plan.Topic, Partition: n, Offset: kafka.OffsetBeginning}
	}
	if err := c.Assign(parts); err != nil {
		return fmt.Errorf("assign: %w", err)
	}
	group, err := c.GetConsumerGroupMetadata()
	if err != nil {
		return fmt.Errorf("name the group: %w", err)
	}
	log.Info(runsLine)
	return (&bareLoop{loopTask: t, c: c, p: p, parts: parts, group: group}).run(ctx)
}

type bareLoop struct {
	loopTask
	c     *kafka.Consumer
	p     *kafka.Producer
	parts []kafka.TopicPartition
	group *kafka.ConsumerGroupMetadata
}

func (l *bareLoop) run(ctx context.Context) error {
	out := kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &l.Plan.Output}, Value: make([]byte, l.Bytes)}
	open, began := false, time.Time{}
	for ctx.Err() == nil {
		e := l.c.Poll(5)
		if m, ok := e.(*kafka.Message); ok {
			if m.TopicPartition.Error != nil {
				return m.TopicPartition.Error
			}
			if !open {
				if err := l.p.BeginTransaction(); err != nil {
					return fmt.Errorf("begin: %w", err)
				}
				open, began = true, time.Now()
			}
			out.TopicPartition.Partition, out.Key = m.TopicPartition.Partition, m.Key
			for {
				err := l.p.Produce(&out, nil)
				if err == nil {
					break
				}
				if ke, ok := err.(kafka.Error); !ok || ke.Code() != kafka.ErrQueueFull {
					return fmt.Errorf("produce: %w", err)
				}
				l.p.Flush(10)
			}
			l.parts[m.TopicPartition.Partition].Offset = m.TopicPartition.Offset + 1
		}
		if open && time.Since(began) >= l.Commit {
			if err := l.commit(ctx); err != nil {
				return err
			}
			open = false
		}
	}
	return nil
}

func (l *bareLoop) commit(ctx context.Context) error {
	var moved []kafka.TopicPartition
	for _, p := range l.parts {
		if p.Offset >= 0 {
			moved = append(moved, p)
		}
	}
	if err := l.p.SendOffsetsToTransaction(ctx, moved, l.group); err != nil {
		return fmt.Errorf("send offsets: %w", err)
	}
	if err := l.p.CommitTransaction(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
