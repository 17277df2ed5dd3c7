package services

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// topics are made at each start where they are missing; a broker does not make topics by itself here, so that a
// misspelt name is an error and not a new topic.
var topics = []string{"hello-fraud", "hello-predictions", "hello-fraud.dlq"}

const partitions = 4

// anyBroker leaves open who must be in sync.
const anyBroker int32 = -1

// kafkaReady makes the topics at a broker and reads their metadata until every partition has a leader, and the broker of
// that node id has caught up with those that it keeps.
func kafkaReady(ctx context.Context, address string, copies int, node int32) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return fmt.Errorf("kafka client: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	made, err := admin.CreateTopics(ctx, partitions, int16(copies), nil, topics...)
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
		if err := topicReady(found[topic], node); err != nil {
			return fmt.Errorf("read topic %s: %w", topic, err)
		}
	}
	return nil
}

func topicReady(topic kadm.TopicDetail, node int32) error {
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
		if slices.Contains(partition.Replicas, node) && !slices.Contains(partition.ISR, node) {
			return fmt.Errorf("partition %d: broker %d has not caught up yet", partition.Partition, node)
		}
	}
	return nil
}
