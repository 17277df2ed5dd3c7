package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/pprof"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
)

// The child modes: processes of this program whose processor time is measured from outside.
const (
	childLoop = "child-loop" // the stream's loop without worker and workflow, as for a profile
	childBare = "child-bare" // the loop that one writes first with the client library
)

// loopTask is what a child mode reads on standard input.
type loopTask struct {
	Plan    job.StreamPlan `json:"plan"`
	Profile string         `json:"profile,omitempty"` // file for a profile of the processor, from the first record on
	Commit  time.Duration  `json:"commit,omitempty"`  // childBare: between commits
	Bytes   int            `json:"bytes,omitempty"`   // childBare: of a value that it produces
}

func (b *bench) task() (t loopTask, s *site, err error) {
	text, err := io.ReadAll(b.stdin)
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil {
		return t, nil, fmt.Errorf("read task: %w", err)
	}
	s = &site{bench: b, environ: b.environ}
	if s.cfg, err = config.Load(b.environ); err != nil {
		return t, nil, err
	}
	k := s.cfg.Kafka
	s.kafka = stream.Kafka{
		Brokers: k.Brokers, SecurityProtocol: k.SecurityProtocol, SASLMechanism: k.SASLMechanism,
		Username: k.Username, Password: k.Password.Reveal(), CALocation: k.CALocation,
	}
	return t, s, nil
}

// loop runs internal/serving's loop over all partitions, until it is asked to end. It is
// what the worker runs, less Temporal.
func (b *bench) loop(ctx context.Context, _ []string) error {
	t, s, err := b.task()
	if err != nil {
		return err
	}
	server, err := s.serving()
	if err != nil {
		return err
	}
	l, err := server.Loop(ctx, job.SegmentRequest{Plan: t.Plan, Shard: job.Shard{Partitions: t.Plan.Partitions}}, stream.Hooks{}, b.stdout)
	if err != nil {
		return err
	}
	if t.Profile != "" {
		file, err := os.Create(t.Profile)
		if err != nil {
			return fmt.Errorf("write profile: %w", err)
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return fmt.Errorf("write profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	_, err = l.Run(ctx)
	return err
}

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
		"transactional.id": "bench-bare." + t.Plan.Output, "enable.idempotence": true, "retry.backoff.ms": 2, "linger.ms": 5,
		"batch.num.messages": 10000, "batch.size": 1000000, "queue.buffering.max.messages": 1000000, "go.delivery.reports": false,
	}))
	if err != nil {
		return fmt.Errorf("make producer: %w", err)
	}
	defer p.Close()
	if err := p.InitTransactions(ctx); err != nil {
		return fmt.Errorf("take over: %w", err)
	}
	parts := make([]kafka.TopicPartition, len(t.Plan.Partitions))
	for i, n := range t.Plan.Partitions {
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
