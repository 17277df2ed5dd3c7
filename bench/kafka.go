package main

import (
	"context"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/internal/stream"
)

// What is measured is also watched and counted, by clients of the library itself: the
// stream's own package is the one under test here.

// clientOf is the configuration of a client.
func clientOf(k stream.Kafka, name string, more kafka.ConfigMap) *kafka.ConfigMap {
	// What the library says of a broker that is away is no news here: brokers are killed on purpose.
	c := kafka.ConfigMap{"bootstrap.servers": k.Brokers, "client.id": "bench-" + name, "log_level": 2}
	for key, value := range map[string]string{
		"security.protocol": k.SecurityProtocol, "sasl.mechanism": k.SASLMechanism, "sasl.username": k.Username,
		"sasl.password": k.Password, "ssl.ca.location": k.CALocation,
	} {
		if value != "" {
			c[key] = value
		}
	}
	for key, value := range more {
		c[key] = value
	}
	return &c
}

// makeTopics makes a topic of several partitions each.
func (s *site) makeTopics(ctx context.Context, partitions int, names ...string) error {
	specs := make([]stream.TopicSpec, len(names))
	for i, name := range names {
		specs[i] = stream.TopicSpec{Name: name, Partitions: partitions}
	}
	return stream.EnsureTopics(ctx, s.kafka, specs...)
}

// preload sends messages 0 to n-1 as fast as the broker takes them.
func (s *site) preload(ctx context.Context, m *messages, topic string, n int64) error {
	s.bench.say("preloading %s messages of %d bytes", thousands(fmt.Sprint(n)), m.bytes())
	sender, err := stream.NewSender(ctx, stream.SenderOptions{Kafka: s.kafka, Topic: topic, Linger: 20 * time.Millisecond})
	if err != nil {
		return err
	}
	key, value := make([]byte, 36), []byte(nil)
	told := time.Now()
	for i := range n {
		m.key(key, i)
		value = m.value(value[:0], i)
		if err := sender.Send(ctx, key, value); err != nil {
			return err
		}
		if time.Since(told) > 3*time.Second {
			told = time.Now()
			s.bench.say("  %s sent", thousands(fmt.Sprint(i)))
		}
	}
	_, err = sender.Close(ctx)
	return err
}

// ends are the ends of a topic's partitions.
func (s *site) ends(topic string, partitions []int32) ([]int64, error) {
	c, err := kafka.NewConsumer(clientOf(s.kafka, "ends", kafka.ConfigMap{"group.id": "bench.ends"}))
	if err != nil {
		return nil, fmt.Errorf("find the ends of %s: %w", topic, err)
	}
	defer c.Close()
	ends := make([]int64, len(partitions))
	for i, p := range partitions {
		if _, ends[i], err = c.QueryWatermarkOffsets(topic, p, 10_000); err != nil {
			return nil, fmt.Errorf("find the end of %s-%d: %w", topic, p, err)
		}
	}
	return ends, nil
}
