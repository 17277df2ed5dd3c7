package main

import (
	"context"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/bench/internal/ledger"
)

// audit reads a whole output topic into the ledger, as a reader of committed records sees it.
func (s *site) audit(ctx context.Context, l *ledger.Ledger, topic string) error {
	r, err := s.read(topic, readCommitted, false)
	if err != nil {
		return err
	}
	defer r.close()
	return r.each(ctx, func(m *kafka.Message) {
		l.Enter(m.TopicPartition.Partition, int64(m.TopicPartition.Offset), m.Key, m.Value)
	})
}

// records counts what a topic holds, for readers of one isolation level.
func (s *site) records(ctx context.Context, topic string, level isolation) (n int64, err error) {
	r, err := s.read(topic, level, false)
	if err != nil {
		return 0, err
	}
	defer r.close()
	return n, r.each(ctx, func(*kafka.Message) { n++ })
}
