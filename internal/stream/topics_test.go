package stream

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// The client library's mock brokers answer no request to create topics, like brokers that
// refuse it to a user without the right to.
func TestExistingTopicsNeedNoRightToCreateThem(t *testing.T) {
	brokers, err := kafka.NewMockCluster(1)
	if err != nil {
		t.Fatal(err)
	}
	defer brokers.Close()
	for _, topic := range []string{"in", "out"} {
		if err := brokers.CreateTopic(topic, 2, 1); err != nil {
			t.Fatal(err)
		}
	}
	k := Kafka{Brokers: brokers.BootstrapServers()}
	if err := EnsureTopics(within(t, 5*time.Second), k, TopicSpec{Name: "in", Partitions: 4}, TopicSpec{Name: "out"}); err != nil {
		t.Errorf("topics that exist: %v", err)
	}
	err = EnsureTopics(within(t, time.Second), k, TopicSpec{Name: "in"}, TopicSpec{Name: "in.dlq"})
	if err == nil || !strings.Contains(err.Error(), "create topics at "+k.Brokers) {
		t.Errorf("a topic that is missing and cannot be created: error %v", err)
	}
}

// latecomer is a broker that hears of a topic when it has been asked some times.
type latecomer struct{ asked, hears int }

func (l *latecomer) GetMetadata(topic *string, _ bool, _ int) (*kafka.Metadata, error) {
	t := kafka.TopicMetadata{Topic: *topic, Error: kafka.NewError(kafka.ErrUnknownTopicOrPart, "", false)}
	if l.asked++; l.asked > l.hears {
		t = kafka.TopicMetadata{Topic: *topic, Partitions: make([]kafka.PartitionMetadata, 4)}
	}
	return &kafka.Metadata{Topics: map[string]kafka.TopicMetadata{*topic: t}}, nil
}

func TestATopicMayBeNewsToABroker(t *testing.T) {
	t.Parallel()
	if n, err := partitions(&latecomer{hears: 5}, "in", 5000); n != 4 || err != nil {
		t.Errorf("a topic that the broker hears of late: %d partitions, %v", n, err)
	}
	began := time.Now()
	if _, err := partitions(&latecomer{hears: 1 << 30}, "in", 100); !errors.Is(err, ErrUnknownTopic) || time.Since(began) > hearsay {
		t.Errorf("a topic that there is not: %v after %s", err, time.Since(began))
	}
}
