package stream

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// doubt is the metadata of an offset of the output in the group: from that offset to End, results
// were hidden, and may be gone.
type doubt struct {
	End int64 `json:"hidden_to"`
}

// doubts are those that were written down where the sink writes, and not crossed out. What is
// pending there was to become one, and came to nothing.
func (s *producer) doubts(ctx context.Context) (map[ground]standing, error) {
	var asked []kafka.TopicPartition
	for _, at := range s.written() {
		asked = append(asked, kafka.TopicPartition{Topic: &at.topic, Partition: at.partition})
	}
	if len(asked) == 0 {
		return map[ground]standing{}, nil
	}
	var answer []kafka.TopicPartition
	_, _, err := s.pastPending(ctx, s.clear, func(ctx context.Context) error {
		return patiently(ctx, func(ms int) (err error) {
			answer, err = s.from.c.Committed(asked, ms)
			return err
		})
	})
	if err != nil && code(err) != kafka.ErrGroupIDNotFound {
		return nil, fmt.Errorf("read what is in doubt: %w", err)
	}
	found := map[ground]standing{}
	for _, it := range answer {
		var d doubt
		if it.Error != nil {
			return nil, fmt.Errorf("read what is in doubt: %w", it.Error)
		}
		if it.Offset < 0 || it.Metadata == nil || json.Unmarshal([]byte(*it.Metadata), &d) != nil || d.End <= int64(it.Offset) {
			continue
		}
		at := ground{*it.Topic, it.Partition}
		found[at] = standing{ground: at, stable: int64(it.Offset), end: d.End}
	}
	return found, nil
}

// writeDown commits doubts to the group.
func (s *producer) writeDown(ctx context.Context, doubts map[ground]standing) error {
	var parts []kafka.TopicPartition
	for at, it := range doubts {
		text, err := json.Marshal(doubt{it.end})
		if err != nil {
			return err
		}
		metadata := string(text)
		parts = append(parts, kafka.TopicPartition{Topic: &at.topic, Partition: at.partition, Offset: kafka.Offset(it.stable), Metadata: &metadata})
	}
	group, err := s.from.c.GetConsumerGroupMetadata()
	if err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	if err := s.again(ctx, func(ctx context.Context) error { return s.p.SendOffsetsToTransaction(ctx, parts, group) }); err != nil {
		return err
	}
	return s.again(ctx, func(ctx context.Context) error { return s.p.CommitTransaction(ctx) })
}

// crossedOut are the offsets that end doubts, to be committed with others.
func (s *producer) crossedOut() (parts []kafka.TopicPartition) {
	for _, it := range s.settled {
		none := ""
		parts = append(parts, kafka.TopicPartition{Topic: &it.topic, Partition: it.partition, Offset: kafka.Offset(it.end), Metadata: &none})
	}
	return parts
}
