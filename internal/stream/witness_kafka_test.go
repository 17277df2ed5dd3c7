package stream

import (
	"context"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// forget sets a group back to what it had committed a while ago, note and all, as a broker
// does that has lost track.
func forget(t *testing.T, o Options, next int64) {
	t.Helper()
	text := note{Generation: 0}.text()
	group := kafka.ConsumerGroupTopicPartitions{Group: GroupID(o.Pipeline)}
	for _, p := range o.Partitions {
		group.Partitions = append(group.Partitions, kafka.TopicPartition{Topic: &o.Topic, Partition: p, Offset: kafka.Offset(next), Metadata: &text})
	}
	ctx := within(t, 30*time.Second)
	err := withAdmin(ctx, o.Kafka, func(a *kafka.AdminClient) error {
		answer, err := a.AlterConsumerGroupOffsets(ctx, []kafka.ConsumerGroupTopicPartitions{group})
		for _, g := range answer.ConsumerGroupsTopicPartitions {
			for _, p := range g.Partitions {
				if p.Error != nil {
					err = p.Error
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestForgottenCommitsAreReadBackFromOutputAndDeadLetters ends each partition with dead letters, so that
// the predictions alone would tell too little.
func TestForgottenCommitsAreReadBackFromOutputAndDeadLetters(t *testing.T) {
	for name, reported := range map[string]bool{"that were reported": true, "that nobody else knows of": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			readBack(t, reported)
		})
	}
}

func readBack(t *testing.T, reported bool) {
	o := topics(t, broker(t), 2)
	o.StillOwner = func(context.Context) bool { return reported } // if nothing was, Temporal may be gone, too
	preload(t, o.Kafka, o.Topic, 0, 400)
	last := map[string][]byte{}
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		last[key] = []byte("hello")
	}
	send(t, o, last)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "all are dealt with", func(p Progress) bool { return p.Records == 408 })
	r.stop()
	got := r.wait(t, 10*time.Second)
	if got.err != nil || got.DeadLetters != 8 {
		t.Fatalf("ended with %+v", got)
	}

	forget(t, o, 20)
	for _, p := range got.Partitions {
		if reported {
			o.Stood = append(o.Stood, Position{Partition: p.Partition, Next: p.Next - 50}) // the heartbeat was older
		}
	}
	preload(t, o.Kafka, o.Topic, 400, 500)
	r = start(t, o, engine(t, o.Topic, nil))
	r.until(t, "the rest is scored", func(p Progress) bool { return p.Records >= 100 })
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil || got.Records != 100 || got.DeadLetters != 0 {
		t.Fatalf("ended with %+v; want the hundred that are new, and nothing again", got)
	}
	wantOnce(t, o.Kafka, o.Output, 500)
	if n := scored(t, o); n != 508 {
		t.Errorf("%d offsets are committed, want 508", n)
	}
	if letters := contents(t, o.Kafka, o.DeadLetters); len(letters) != 8 {
		t.Errorf("%d dead letters, want 8", len(letters))
	}
}
