package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// TopicSpec is a topic that should exist.
type TopicSpec struct {
	Name       string
	Partitions int               // default 1
	Replicas   int               // default: the broker's
	Config     map[string]string // such as max.message.bytes; only used on creation
}

// EnsureTopics creates the topics that do not exist and leaves the others as they are.
// Where all of them exist nothing is created, so that a user without the right to create
// topics can use those that an administrator has made.
// When it returns, a broker knows all of them; the others may hear of them later.
func EnsureTopics(ctx context.Context, k Kafka, topics ...TopicSpec) error {
	err := withAdmin(ctx, k, func(a *kafka.AdminClient) error {
		missing, err := missingTopics(ctx, a, topics)
		if err != nil || len(missing) == 0 {
			return err
		}
		var specs []kafka.TopicSpecification
		for _, t := range missing {
			replicas := t.Replicas
			if replicas == 0 {
				replicas = -1 // the broker's default.replication.factor
			}
			specs = append(specs, kafka.TopicSpecification{
				Topic: t.Name, NumPartitions: max(1, t.Partitions), ReplicationFactor: replicas, Config: t.Config,
			})
		}
		results, err := a.CreateTopics(ctx, specs)
		if err != nil {
			return unreachable(err)
		}
		for _, r := range results {
			// Between the look and the request another process may have created it.
			if c := r.Error.Code(); c != kafka.ErrNoError && c != kafka.ErrTopicAlreadyExists {
				return fmt.Errorf("%s: %w", r.Topic, r.Error)
			}
		}
		return awaitTopics(ctx, a, missing)
	})
	if err != nil {
		return fmt.Errorf("create topics at %s: %w", k, err)
	}
	return nil
}

// missingTopics are those that metadata does not show. It asks for all topics, because
// asking for one by its name makes a broker with auto.create.topics.enable create it, with
// as many partitions as the broker likes. A topic that the user may not describe counts as
// missing; the answer to its creation then names the right that is lacking.
func missingTopics(ctx context.Context, m metadata, topics []TopicSpec) ([]TopicSpec, error) {
	md, err := m.GetMetadata(nil, true, millis(ctx))
	if err != nil {
		return nil, unreachable(err)
	}
	var missing []TopicSpec
	for _, t := range topics {
		if _, exists := md.Topics[t.Name]; !exists {
			missing = append(missing, t)
		}
	}
	return missing, nil
}

// awaitTopics waits until metadata shows the topics with leaders, which follows their
// creation by some milliseconds.
func awaitTopics(ctx context.Context, a *kafka.AdminClient, topics []TopicSpec) error {
	for _, t := range topics {
		for {
			n, err := partitionsHeardOf(a, t.Name, millis(ctx))
			if err == nil && n > 0 {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s: %w", t.Name, errors.Join(ctx.Err(), err))
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

// DeleteTopics deletes topics; those that do not exist are no error. Records are gone for good.
func DeleteTopics(ctx context.Context, k Kafka, topics ...string) error {
	err := withAdmin(ctx, k, func(a *kafka.AdminClient) error {
		results, err := a.DeleteTopics(ctx, topics)
		if err != nil {
			return unreachable(err)
		}
		for _, r := range results {
			if c := r.Error.Code(); c != kafka.ErrNoError && c != kafka.ErrUnknownTopicOrPart {
				return fmt.Errorf("%s: %w", r.Topic, r.Error)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete topics at %s: %w", k, err)
	}
	return nil
}
