package services

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"temporal-streaming/devstack/internal/settings"
)

// topics are made at each start where they are missing; a broker does not make topics by itself here, so that a
// misspelt name is an error and not a new topic.
var topics = []string{"hello-fraud", "hello-predictions", "hello-fraud.dlq"}

const partitions = 4

// kafkaReady makes the topics and reads their metadata until every partition has a leader.
func kafkaReady(ctx context.Context, env settings.Env) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(env["KAFKA_BOOTSTRAP_SERVERS"]))
	if err != nil {
		return fmt.Errorf("kafka client: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	made, err := admin.CreateTopics(ctx, partitions, 1, nil, topics...)
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	for topic, answer := range made {
		if answer.Err != nil && !errors.Is(answer.Err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", topic, answer.Err)
		}
	}
	found, err := admin.ListTopics(ctx, topics...)
	if err != nil {
		return fmt.Errorf("read topics: %w", err)
	}
	for _, topic := range topics {
		if err := topicReady(found[topic]); err != nil {
			return fmt.Errorf("read topic %s: %w", topic, err)
		}
	}
	return nil
}

func topicReady(topic kadm.TopicDetail) error {
	if topic.Err != nil {
		return topic.Err
	}
	if len(topic.Partitions) == 0 {
		return errors.New("not there yet")
	}
	for _, partition := range topic.Partitions {
		if partition.Err != nil {
			return partition.Err
		}
		if partition.Leader < 0 {
			return fmt.Errorf("partition %d has no leader yet", partition.Partition)
		}
	}
	return nil
}
