package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Record is a record of any topic, as a Reader hands it on. Its bytes are the callee's.
type Record struct {
	Topic      string
	Partition  int32
	Offset     int64
	Timestamp  time.Time // zero if there is none
	Key, Value []byte
	Headers    []Header
}

// Header is one header of a Record.
type Header struct {
	Key   string
	Value []byte
}

// Header answers the value of the first header of that name, and whether there is one.
func (r Record) Header(name string) (string, bool) {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value), true
		}
	}
	return "", false
}

// Reader follows all partitions of a topic and yields what is committed. It belongs to no
// group, commits nothing, and is nobody's rival. Not safe for concurrent use.
type Reader struct {
	kafka Kafka
	topic string
	c     *kafka.Consumer
	left  map[int32]bool  // partitions whose end has not been reached yet
	next  map[int32]int64 // of each partition that has answered: everything before it was read
}

// NewReader starts to read at from. It fails if the topic does not exist or no broker answers.
func NewReader(ctx context.Context, k Kafka, topic string, from Start) (*Reader, error) {
	r, err := newReader(ctx, k, topic, from)
	if err != nil {
		return nil, fmt.Errorf("read %s at %s: %w", topic, k, err)
	}
	return r, nil
}

func newReader(ctx context.Context, k Kafka, topic string, from Start) (*Reader, error) {
	r, err := idleReader(k, topic)
	if err != nil {
		return nil, err
	}
	if err := r.assign(ctx, from); err != nil {
		return nil, errors.Join(err, r.c.Close())
	}
	return r, nil
}

// idleReader is a reader that no partition is assigned to yet.
func idleReader(k Kafka, topic string) (*Reader, error) { return readerOf(k, topic, "read_committed") }

// readerOf is an idle reader of an isolation level.
func readerOf(k Kafka, topic, level string) (*Reader, error) {
	if err := k.Validate(); err != nil {
		return nil, err
	}
	c, err := kafka.NewConsumer(k.client("temporal-streaming-reader", kafka.ConfigMap{
		"group.id":                   "temporal-streaming.reader", // required by the client; never committed to
		"enable.auto.commit":         false,
		"enable.auto.offset.store":   false,
		"isolation.level":            level,
		"auto.offset.reset":          "earliest", // a reader that fell behind retention shows what there is
		"enable.partition.eof":       true,
		"fetch.wait.max.ms":          50,
		"fetch.queue.backoff.ms":     5,
		"queued.max.messages.kbytes": 16 << 10,
		"go.logs.channel.enable":     true,
		"statistics.interval.ms":     int(statisticsEvery.Milliseconds()),
	}))
	if err != nil {
		return nil, err
	}
	go discardLogs(c.Logs())
	return &Reader{kafka: k, topic: topic, c: c, left: map[int32]bool{}, next: map[int32]int64{}}, nil
}

func (r *Reader) assign(ctx context.Context, from Start) error {
	n, err := partitions(r.c, r.topic, millis(ctx))
	if err != nil {
		return err
	}
	parts := make([]kafka.TopicPartition, n)
	for i := range parts {
		parts[i] = kafka.TopicPartition{Topic: &r.topic, Partition: int32(i), Offset: kafka.OffsetBeginning}
		r.left[int32(i)] = true
	}
	var begin []int64
	switch {
	case from.latest:
		// Asked for now, so that what is produced after NewReader has returned is read.
		begin, err = offsetsAt(ctx, r.c, parts, int64(kafka.OffsetEnd), millis(ctx))
	case !from.at.IsZero():
		begin, err = since(ctx, r.c, parts, from.at, millis(ctx))
	}
	if err != nil {
		return unreachable(err)
	}
	for i, offset := range begin {
		parts[i].Offset = kafka.Offset(offset)
	}
	return r.c.Assign(parts)
}

// Next waits for the next record. It ends with the error of ctx when ctx is done.
func (r *Reader) Next(ctx context.Context) (Record, error) {
	for {
		rec, ok, err := r.poll(ctx)
		if ok || err != nil {
			return rec, err
		}
	}
}

// ToEnd calls visit with every record up to the end of the topic as it stands when the
// reader gets there, and ends with the first error of visit.
func (r *Reader) ToEnd(ctx context.Context, visit func(Record) error) error {
	for len(r.left) > 0 {
		rec, ok, err := r.poll(ctx)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := visit(rec); err != nil {
			return err
		}
	}
	return nil
}

// poll waits a moment; ok is false if there was no record.
func (r *Reader) poll(ctx context.Context) (rec Record, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return Record{}, false, fmt.Errorf("read %s: %w", r.topic, err)
	}
	switch e := r.c.Poll(100).(type) {
	case *kafka.Message:
		if err := e.TopicPartition.Error; err != nil {
			return Record{}, false, fmt.Errorf("read %s-%d: %w", r.topic, e.TopicPartition.Partition, err)
		}
		r.next[e.TopicPartition.Partition] = int64(e.TopicPartition.Offset) + 1
		rec = Record{Topic: r.topic, Partition: e.TopicPartition.Partition, Offset: int64(e.TopicPartition.Offset), Key: e.Key, Value: e.Value}
		if e.TimestampType != kafka.TimestampNotAvailable {
			rec.Timestamp = e.Timestamp
		}
		for _, h := range e.Headers {
			rec.Headers = append(rec.Headers, Header{Key: h.Key, Value: h.Value})
		}
		return rec, true, nil
	case kafka.PartitionEOF:
		delete(r.left, e.Partition)
		r.next[e.Partition] = max(r.next[e.Partition], int64(e.Offset))
	case kafka.Error:
		if ends(e) {
			return Record{}, false, fmt.Errorf("read %s: %w", r.topic, e)
		}
	case *kafka.Stats:
		if _, err := r.kafka.Remind(r.c, e.String()); err != nil {
			return Record{}, false, fmt.Errorf("read %s: %w", r.topic, err)
		}
	}
	return Record{}, false, nil
}

// Close ends the reader.
func (r *Reader) Close() error { return r.c.Close() }
