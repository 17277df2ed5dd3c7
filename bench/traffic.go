package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/internal/stream"
)

// source makes what is sent: message n is always the same.
type source interface {
	// message appends key and value of message n.
	message(key, value []byte, n int64) (k, v []byte)
	// beside hands over what goes to another topic before message n. n grows by one from call to call.
	beside(n int64, send func(topic string, key, value []byte) error) error
	// bytes is the mean size of a value.
	bytes() int
}

// traffic sends messages 0, 1, 2, ... to a topic at a steady rate, through whatever happens
// to the broker. It is open: message n is due at a moment that was fixed beforehand, and
// carries the time at which it was handed over. While the broker is away the messages
// wait in this process; nothing is left out.
type traffic struct {
	reminder stream.Reminder
	p        *kafka.Producer
	topic    string
	messages source
	rate     float64
	most     int64 // 0: until it is stopped

	begun     time.Time
	sends     atomic.Int64 // messages
	handed    atomic.Int64 // what goes beside them included
	delivered atomic.Int64
	failure   atomic.Pointer[error]
	stopping  chan struct{}
	sent      chan struct{} // closed when the last message was handed over
	watched   chan struct{} // closed when no report can come any more
}

// trafficTick is how often due messages are handed over.
const trafficTick = 2 * time.Millisecond

// sendTo begins to send. most is how many messages there are, 0 as many as it comes to.
func (s *site) sendTo(topic string, m source, rate float64, most int64) (*traffic, error) {
	p, err := kafka.NewProducer(clientOf(s.kafka, "traffic", kafka.ConfigMap{
		"enable.idempotence": true, "partitioner": "murmur2_random", "linger.ms": 4, "batch.num.messages": 10000,
		"message.timeout.ms": 0, "reconnect.backoff.max.ms": 250, // never give up; be back when the broker is
		"statistics.interval.ms":       1000,
		"queue.buffering.max.messages": 5_000_000, "queue.buffering.max.kbytes": 2 << 20, "go.delivery.report.fields": "none",
	}))
	if err != nil {
		return nil, fmt.Errorf("send to %s: %w", topic, err)
	}
	t := &traffic{
		reminder: stream.Reminder{Kafka: s.kafka}, p: p, topic: topic, messages: m, rate: rate, most: most, begun: time.Now(),
		stopping: make(chan struct{}), sent: make(chan struct{}), watched: make(chan struct{}),
	}
	go t.watch()
	go t.send()
	return t, nil
}

func (t *traffic) send() {
	defer close(t.sent)
	ticker := time.NewTicker(trafficTick)
	defer ticker.Stop()
	var key, value []byte
	for n := int64(0); ; {
		due := int64(time.Since(t.begun).Seconds()*t.rate) + 1
		if t.most > 0 {
			due = min(due, t.most)
		}
		for ; n < due; n++ {
			err := t.messages.beside(n, t.produce)
			if err == nil {
				key, value = t.messages.message(key[:0], value[:0], n)
				err = t.produce(t.topic, key, value)
			}
			if err != nil {
				t.fail(err)
				return
			}
			t.sends.Store(n + 1)
		}
		if n == t.most && t.most > 0 {
			return
		}
		select {
		case <-t.stopping:
			return
		case <-ticker.C:
		}
	}
}

func (t *traffic) produce(topic string, key, value []byte) error {
	err := t.p.Produce(&kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny}, Key: key, Value: value}, nil)
	if err == nil {
		t.handed.Add(1)
	}
	return err
}

func (t *traffic) watch() {
	defer close(t.watched)
	for e := range t.p.Events() {
		switch it := e.(type) {
		case *kafka.Message:
			if err := it.TopicPartition.Error; err != nil {
				t.fail(err)
			} else {
				t.delivered.Add(1)
			}
		case kafka.Error:
			if it.IsFatal() {
				t.fail(it)
			}
		case *kafka.Stats:
			if _, err := t.reminder.Remind(t.p, it.String()); err != nil {
				t.fail(err)
			}
		}
	}
}

func (t *traffic) fail(err error) {
	err = fmt.Errorf("send to %s: %w", t.topic, err)
	t.failure.CompareAndSwap(nil, &err)
}

// failed is why it sends no more, nil if it does.
func (t *traffic) failed() error {
	if err := t.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// String tells how far it is.
func (t *traffic) String() string {
	return fmt.Sprintf("sent for %.0f s: %d messages, handed over with what goes beside them %d, acknowledged %d; failed: %v",
		time.Since(t.begun).Seconds(), t.sends.Load(), t.handed.Load(), t.delivered.Load(), t.failed())
}

// finish waits until all messages that are to be sent have been acknowledged, and closes.
// It answers how many there are: 0 to n-1.
func (t *traffic) finish(ctx context.Context) (n int64, err error) {
	select {
	case <-t.sent:
	case <-ctx.Done():
		err = ctx.Err()
	}
	for err == nil && t.p.Flush(100) > 0 && t.failure.Load() == nil {
		err = ctx.Err()
	}
	t.close()
	n = t.sends.Load()
	err = errors.Join(err, t.failed())
	if delivered, handed := t.delivered.Load(), t.handed.Load(); err == nil && delivered != handed {
		err = fmt.Errorf("send to %s: %d of %d messages were acknowledged", t.topic, delivered, handed)
	}
	return n, err
}

// stop ends the sending and finishes.
func (t *traffic) stop(ctx context.Context) (n int64, err error) {
	close(t.stopping)
	return t.finish(ctx)
}

// close gives up what was not acknowledged.
func (t *traffic) close() {
	select {
	case <-t.stopping:
	default:
		close(t.stopping)
	}
	<-t.sent
	select {
	case <-t.watched: // closed before
	default:
		t.reminder.End()
		t.p.Close()
		<-t.watched
	}
}
