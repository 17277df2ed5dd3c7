package stream

import (
	"context"
	"fmt"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Unread tells whether a group has committed records of a topic left to read in some of its
// partitions. Offsets alone do not say so where the topic is written by transactions: each
// leaves a marker behind its records, which nobody reads. So it looks for a record.
func Unread(ctx context.Context, k Kafka, group, topic string, parts []int32) (bool, error) {
	unread, err := unread(ctx, k, group, topic, parts)
	if err != nil {
		return false, fmt.Errorf("look for what %s has not read of %s at %s: %w", group, topic, k, err)
	}
	return unread, nil
}

func unread(ctx context.Context, k Kafka, group, topic string, parts []int32) (bool, error) {
	positions, err := Group(ctx, k, group, topic)
	if err != nil {
		return false, err
	}
	r, err := idleReader(k, topic)
	if err != nil {
		return false, err
	}
	defer r.c.Close() // it has nothing to commit
	var behind []kafka.TopicPartition
	for _, p := range parts {
		if int(p) >= len(positions) {
			return false, fmt.Errorf("partition %d: %w", p, ErrUnknownTopic)
		}
		if from := max(positions[p].Committed, positions[p].First); from < positions[p].End {
			behind = append(behind, kafka.TopicPartition{Topic: &topic, Partition: p, Offset: kafka.Offset(from)})
			r.left[p] = true
		}
	}
	if len(behind) == 0 {
		return false, nil
	}
	if err := r.c.Assign(behind); err != nil {
		return false, err
	}
	for len(r.left) > 0 {
		if _, found, err := r.poll(ctx); found || err != nil {
			return found, err
		}
	}
	return false, nil
}
