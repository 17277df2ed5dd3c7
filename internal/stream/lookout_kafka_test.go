package stream

import (
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// TestTransactionThatHangsInTheOutputIsTold leaves a transaction of another producer open in
// the output. The loop goes on, and says that its readers do not get what it writes.
func TestTransactionThatHangsInTheOutputIsTold(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	ctx := within(t, time.Minute)
	p, err := kafka.NewProducer(o.Kafka.client("another", kafka.ConfigMap{"transactional.id": o.Output + ".another", "go.logs.channel.enable": true}))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	go discardLogs(p.Logs())
	go discardEvents(p.Events())
	for _, step := range []func() error{
		func() error { return p.InitTransactions(ctx) },
		p.BeginTransaction,
		func() error {
			return p.Produce(&kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &o.Output, Partition: 1}, Value: []byte("x")}, nil)
		},
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if left := p.Flush(10_000); left > 0 {
		t.Fatalf("%d records are not sent", left)
	}
	o.lookEvery = 20 * time.Millisecond
	r := start(t, o, engine(t, o.Topic, nil))
	preload(t, o.Kafka, o.Topic, 0, 100)
	told := r.until(t, "the transaction is told", func(p Progress) bool { return p.Stuck != "" && p.Records == 100 })
	if !strings.Contains(told.Stuck, o.Output+"[1] stands at 0 of ") || strings.Contains(told.Stuck, o.Output+"[0]") || told.Restarts > 0 {
		t.Errorf("%d restarts; it says %q", told.Restarts, told.Stuck)
	}
	if err := p.AbortTransaction(ctx); err != nil {
		t.Fatal(err)
	}
	r.until(t, "its end is noticed", func(p Progress) bool { return p.Stuck == "" })
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil {
		t.Fatal(got.err)
	}
	wantOnce(t, o.Kafka, o.Output, 100)
}
