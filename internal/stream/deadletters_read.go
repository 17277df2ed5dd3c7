package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// ErrUnsettled is returned when a transaction that is still open hides the rest of a
// topic. It ends within the transaction timeout of whoever opened it, a minute at most
// for the loops of this program.
var ErrUnsettled = errors.New("an open transaction hides the end of the topic")

// ReadDeadLetters reads a dead-letter topic to its end as it stands now. Where nothing
// comes for longer than patience, it returns what it has, with ErrUnsettled.
func ReadDeadLetters(ctx context.Context, k Kafka, topic string, patience time.Duration) (*DeadLetters, error) {
	dialling, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n, err := Partitions(dialling, k, topic)
	if err != nil {
		return nil, err
	}
	d := newDeadLetters(topic, n)
	return d, d.catchUp(ctx, k, patience)
}

// catchUp reads on from where reading ended.
//
// It goes to the ends of the partitions and not just as far as a reader of committed
// records gets, which is the first record of any open transaction: a resolution may stand
// behind such a record, and whoever overlooked it would resolve the same letter again.
func (d *DeadLetters) catchUp(ctx context.Context, k Kafka, patience time.Duration) error {
	ends, err := logEnds(ctx, k, d.Topic, len(d.next), patience)
	if err != nil {
		return err
	}
	r, err := idleReader(k, d.Topic)
	if err != nil {
		return fmt.Errorf("read %s at %s: %w", d.Topic, k, err)
	}
	defer r.Close() // nothing is lost: a reader commits nothing
	begin := map[int32]int64{}
	for p, end := range ends {
		if d.next[p] < end {
			begin[int32(p)] = d.next[p]
		}
	}
	err = r.between(ctx, begin, ends, patience, func(rec Record) error { d.add(rec); return nil })
	for p := range begin {
		d.next[p] = max(d.next[p], min(r.next[p], ends[p])) // what came after the ends was not visited
	}
	d.link()
	return err
}

// logEnds are the partitions' ends, whether or not what is before them is committed. They
// are asked for by an admin client: a consumer that reads what is committed is told where
// the first open transaction begins.
func logEnds(ctx context.Context, k Kafka, topic string, partitions int, patience time.Duration) (ends []int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = withAdmin(ctx, k, func(a *kafka.AdminClient) error {
		ends, err = listOffsets(ctx, a, topic, partitions, kafka.LatestOffsetSpec)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s at %s: %w", topic, k, err)
	}
	return ends, nil
}

// between calls visit with every committed record of the partitions in begin, from there
// to ends. Where nothing moves for longer than patience it gives up.
func (r *Reader) between(ctx context.Context, begin map[int32]int64, ends []int64, patience time.Duration, visit func(Record) error) error {
	var parts []kafka.TopicPartition
	for p, offset := range begin {
		parts = append(parts, kafka.TopicPartition{Topic: &r.topic, Partition: p, Offset: kafka.Offset(offset)})
	}
	if err := r.c.Assign(parts); err != nil {
		return fmt.Errorf("read %s: %w", r.topic, err)
	}
	moved := time.Now()
	for {
		open := r.open(begin, ends)
		if open < 0 {
			return nil
		}
		before := r.next[open]
		rec, ok, err := r.poll(ctx)
		switch {
		case err != nil:
			return err
		case ok:
			moved = time.Now()
			if rec.Offset >= ends[rec.Partition] {
				continue // came after the ends were asked for
			}
			if err := visit(rec); err != nil {
				return err
			}
		case r.next[open] != before:
			moved = time.Now()
		case time.Since(moved) > patience:
			if _, _, err := r.c.QueryWatermarkOffsets(r.topic, open, int(patience.Milliseconds())); err != nil {
				return fmt.Errorf("read %s: %w", r.topic, unreachable(err))
			}
			return fmt.Errorf("read %s-%d: nothing came from offset %d of %d for %s: %w", r.topic, open, r.next[open], ends[open], patience, ErrUnsettled)
		}
	}
}

// open is a partition that has not been read to its end yet, -1 if all have.
func (r *Reader) open(begin map[int32]int64, ends []int64) int32 {
	for p := range begin {
		if r.next[p] < ends[p] {
			return p
		}
	}
	return -1
}
