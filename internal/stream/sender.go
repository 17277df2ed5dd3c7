package stream

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// SenderOptions configure a Sender. Required: Kafka and Topic.
type SenderOptions struct {
	Kafka  Kafka
	Topic  string
	Rate   float64       // records per second; 0: as fast as the broker takes them
	Linger time.Duration // default 5 ms: one request per record would saturate a broker at a few thousand per second
}

// Sender produces records to a topic at a steady rate and counts what the broker has
// acknowledged. Equal keys go to equal partitions, the same ones that Java's clients
// choose. Its deliveries are idempotent: a retry of the client does not repeat a record. That
// holds for one request on its way at a time only. Of several, one may find at a broker that
// comes back that the one before it is missing, and the client (2.15) then numbers everything
// anew that is not acknowledged, also what other partitions have already.
// Not safe for concurrent use, except for Sent.
type Sender struct {
	options  SenderOptions
	p        *kafka.Producer
	begun    time.Time
	queued   int64
	watched  sync.WaitGroup
	reminder Reminder

	delivered, failed atomic.Int64
	failure           atomic.Pointer[failure]
}

// Sent counts what became of the records.
type Sent struct {
	Delivered int64 `json:"delivered"` // acknowledged by all replicas in sync
	Failed    int64 `json:"failed"`    // not acknowledged; the topic may have some of them all the same
}

// NewSender makes a sender. It fails if the topic does not exist or no broker answers.
func NewSender(ctx context.Context, o SenderOptions) (*Sender, error) {
	if o.Linger <= 0 {
		o.Linger = 5 * time.Millisecond
	}
	if _, err := Partitions(ctx, o.Kafka, o.Topic); err != nil {
		return nil, err
	}
	p, err := kafka.NewProducer(o.Kafka.client("temporal-streaming-sender", kafka.ConfigMap{
		"enable.idempotence":         true,
		"max.in.flight":              1, // see Sender
		"partitioner":                "murmur2_random",
		"linger.ms":                  int(o.Linger.Milliseconds()),
		"batch.num.messages":         10000,
		"message.max.bytes":          largestRecord,
		"queue.buffering.max.kbytes": 64 << 10,
		"go.delivery.report.fields":  "none",
		"go.events.channel.size":     10000,
		"go.produce.channel.size":    1,
		"go.logs.channel.enable":     true,
		"statistics.interval.ms":     int(statisticsEvery.Milliseconds()),
	}))
	if err != nil {
		return nil, fmt.Errorf("send to %s at %s: %w", o.Topic, o.Kafka, err)
	}
	go discardLogs(p.Logs())
	s := &Sender{options: o, p: p, reminder: Reminder{Kafka: o.Kafka}}
	s.watched.Add(1)
	go s.watch()
	return s, nil
}

func (s *Sender) watch() {
	defer s.watched.Done()
	for e := range s.p.Events() {
		switch e := e.(type) {
		case *kafka.Message:
			if err := e.TopicPartition.Error; err != nil {
				s.failure.CompareAndSwap(nil, &failure{err})
				s.failed.Add(1)
			} else {
				s.delivered.Add(1)
			}
		case *kafka.Stats:
			if _, err := s.reminder.Remind(s.p, e.String()); err != nil {
				s.failure.CompareAndSwap(nil, &failure{err})
			}
		}
	}
}

// Send waits for the record's turn under Rate and hands it over. A nil value is a
// tombstone, a nil key no key. Key and value may be reused when it returns.
func (s *Sender) Send(ctx context.Context, key, value []byte) error {
	if err := s.pace(ctx); err != nil {
		return fmt.Errorf("send to %s: %w", s.options.Topic, err)
	}
	m := kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &s.options.Topic, Partition: kafka.PartitionAny}, Key: key, Value: value}
	for {
		err := s.p.Produce(&m, nil)
		if err == nil {
			s.queued++
			return nil
		}
		if code(err) != kafka.ErrQueueFull {
			return fmt.Errorf("send to %s: %w", s.options.Topic, err)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("send to %s: %w", s.options.Topic, ctx.Err())
		}
		s.p.Flush(10)
	}
}

// pace sleeps until record number queued is due. A sender that fell behind catches up.
func (s *Sender) pace(ctx context.Context) error {
	if s.begun.IsZero() {
		s.begun = time.Now()
	}
	if s.options.Rate <= 0 {
		return ctx.Err()
	}
	due := s.begun.Add(time.Duration(float64(s.queued) / s.options.Rate * float64(time.Second)))
	if wait := time.Until(due); wait > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return ctx.Err()
}

// Sent answers how much was acknowledged so far.
func (s *Sender) Sent() Sent { return Sent{Delivered: s.delivered.Load(), Failed: s.failed.Load()} }

// Close waits until all records are acknowledged, or ctx is done, and answers the final
// count. The error tells why records failed or were given up.
func (s *Sender) Close(ctx context.Context) (Sent, error) {
	left := s.p.Flush(100)
	for left > 0 && ctx.Err() == nil {
		left = s.p.Flush(100)
	}
	s.reminder.End()
	s.p.Close()
	s.watched.Wait()
	sent := s.Sent()
	sent.Failed = s.queued - sent.Delivered
	if f := s.failure.Load(); f != nil {
		err := fmt.Errorf("send to %s: %d of %d records failed: %w", s.options.Topic, sent.Failed, s.queued, f.err)
		if code(err) == kafka.ErrUnknown {
			err = fmt.Errorf("%w; look at the broker's log, and ask the topic before you send them again: it may have them", err)
		}
		return sent, err
	}
	if sent.Failed > 0 {
		return sent, fmt.Errorf("send to %s: %d of %d records were not acknowledged in time: %w", s.options.Topic, sent.Failed, s.queued, context.Cause(ctx))
	}
	return sent, nil
}
