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
	saying := make(chan string, 16)
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

		said, begun := []string{}, time.Now()
		p, tries, err := claim(ctx, config(), func(e kafka.LogEvent) {
			select {
			case saying <- e.Tag + " " + e.Message:
			default:
			}
		})
		took := time.Since(begun)
		for len(saying) > 0 {
			said = append(said, <-saying)
		}
		if err != nil {
			t.Fatal(err)
		}
		go discardEvents(p.Events())
		if tries < 2 {
			t.Errorf("the client no longer says so when it is refused, and the claim waits half a second: it took %v, and the client said %q", took, said)
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
}
