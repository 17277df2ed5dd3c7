package main

import (
	"context"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/internal/job"
)

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
	parts := make([]kafka.TopicPartition, len(p.Partitions()))
	for i, n := range p.Partitions() {
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

// grown watches the ends of a topic that read_committed readers see, until the returned function is called, which answers when they
// last moved.
func (s *site) grown(ctx context.Context, topic string, partitions []int32, every time.Duration) (last func() (time.Time, error), err error) {
	admin, err := kafka.NewAdminClient(clientOf(s.kafka, "grown", nil))
	if err != nil {
		return nil, fmt.Errorf("watch the ends of %s: %w", topic, err)
	}
	ask := map[kafka.TopicPartition]kafka.OffsetSpec{}
	for _, n := range partitions {
		ask[kafka.TopicPartition{Topic: &topic, Partition: n}] = kafka.LatestOffsetSpec
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	var at time.Time
	go func() {
		defer close(ended)
		defer admin.Close()
		sum := int64(0)
		for tick := time.NewTicker(every); ; {
			answer, askErr := admin.ListOffsets(ctx, ask, kafka.SetAdminIsolationLevel(kafka.IsolationLevelReadCommitted))
			if ctx.Err() != nil {
				return
			}
			if err = askErr; err != nil {
				err = fmt.Errorf("watch the ends of %s: %w", topic, err)
				return
			}
			now := int64(0)
			for _, p := range answer.ResultInfos {
				now += int64(p.Offset)
			}
			if now != sum {
				sum, at = now, time.Now()
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() (time.Time, error) {
		cancel()
		<-ended
		return at, err
	}, nil
}
