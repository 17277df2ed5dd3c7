package stream

import (
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// An owner that dies in the middle of a transaction has its successor refused at first. The
// successor then asks as a new producer; the one that was refused would wait, and would fence
// the new one when it asked again.
func TestClaimAsksAnewWhereATransactionIsOpen(t *testing.T) {
	o := topics(t, broker(t), 1)
	config := func() *kafka.ConfigMap {
		return o.Kafka.client("claim", kafka.ConfigMap{
			"transactional.id": o.Pipeline, "go.logs.channel.enable": true, "go.delivery.reports": false,
			"retry.backoff.ms": 2, "linger.ms": 0,
		})
	}
	ctx := within(t, time.Minute)
	refused := 0
	for range 5 {
		dead, _, err := claim(ctx, config(), func(kafka.LogEvent) {})
		if err != nil {
			t.Fatal(err)
		}
		undelivered := make(chan error, 1)
		go func() {
			for e := range dead.Events() {
				if m, ok := e.(*kafka.Message); ok && m.TopicPartition.Error != nil {
					undelivered <- m.TopicPartition.Error
				}
			}
		}()
		if err := dead.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		message := &kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &o.Topic, Partition: 0}, Value: []byte("open")}
		if err := dead.Produce(message, nil); err != nil {
			t.Fatal(err)
		}
		if left := dead.Flush(10_000); left != 0 {
			t.Fatalf("%d records were not sent", left)
		}
		select {
		case err := <-undelivered:
			t.Fatalf("the record is not there, and no transaction is open: %v", err)
		default:
		}

		begun := time.Now()
		p, tries, err := claim(ctx, config(), func(kafka.LogEvent) {})
		took := time.Since(begun)
		if err != nil {
			t.Fatal(err)
		}
		go discardEvents(p.Events())
		switch {
		case tries > 1:
			refused++
		case took >= 400*time.Millisecond: // else the abort was quicker than the answer, and nobody was refused
			t.Errorf("the client no longer says so when it is refused, and the claim waits half a second: it took %v", took)
		}
		// Nobody asks any more: the claim stands.
		time.Sleep(700 * time.Millisecond)
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := p.Produce(message, nil); err != nil {
			t.Fatal(err)
		}
		if err := p.CommitTransaction(ctx); err != nil {
			t.Errorf("the new owner was fenced by a producer that should be closed: %v", err)
		}
		p.Close()
		dead.Close()
	}
	if refused == 0 {
		t.Error("five open transactions, and no claim was refused, or the client does not say so")
	}
}
