package stream

import (
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
