package stream

import (
	"fmt"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/internal/stream/crossing"
)

// A real broker answers a commit before it is ready for the next transaction. One that comes at once is refused, asks again, and that is
// heard; its records, sent when it is let in, are there once.
func TestATransactionThatComesTooEarlyIsHeardToAskAgain(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 1)
	ctx := within(t, time.Minute)
	if _, err := Group(ctx, o.Kafka, GroupID(o.Pipeline), o.Topic); err != nil { // the client waits for ever for a coordinator of a group whose topic is not there yet
		t.Fatal(err)
	}
	p, _, err := claim(ctx, o.Kafka.client("settle", kafka.ConfigMap{
		"transactional.id": o.Pipeline, "go.logs.channel.enable": true, "go.delivery.reports": false, "retry.backoff.ms": 1, "linger.ms": 1000,
	}), func(kafka.LogEvent) {})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	go discardEvents(p.Events())
	sender, err := crossing.NewSender(p, o.Output)
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	entry, err := crossing.NewEntry(p)
	if err != nil {
		t.Fatal(err)
	}
	defer entry.Close()
	group, err := kafka.NewTestConsumerGroupMetadata(GroupID(o.Pipeline))
	if err != nil {
		t.Fatal(err)
	}
	refused, sent := 0, 0
	for ; refused == 0; sent++ {
		if ctx.Err() != nil {
			t.Fatalf("none of %d transactions, each begun at once after the one before, was refused", sent)
		}
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		sender.Add(0, 0, nil, fmt.Appendf(nil, "%d", sent))
		entry.Begin()
		followed := make(chan error, 1)
		go func() {
			if !entry.Wait() {
				followed <- nil
				return
			}
			followed <- sender.Send()
		}()
		if err := p.SendOffsetsToTransaction(ctx, []kafka.TopicPartition{{Topic: &o.Topic, Partition: 0, Offset: kafka.Offset(sent + 1)}}, group); err != nil {
			t.Fatal(err)
		}
		if asked := entry.End(); asked > 1 {
			refused++
		}
		if err := <-followed; err != nil {
			t.Fatal(err)
		}
		if err := p.CommitTransaction(ctx); err != nil {
			t.Fatal(err)
		}
	}
	records := contents(t, o.Kafka, o.Output)
	for i, r := range records {
		if string(r.Value) != fmt.Sprint(i) {
			t.Fatalf("record %d is %q", i, r.Value)
		}
	}
	if len(records) != sent {
		t.Errorf("%d records of %d transactions", len(records), sent)
	}
}
