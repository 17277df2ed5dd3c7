package stream

import (
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/internal/score"
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

// TestPartitionsThatAreAddedAreCounted adds two to the input of a loop that was to begin with
// what comes, and begins them with what they held before anybody looked.
func TestPartitionsThatAreAddedAreCounted(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	o.lookEvery, o.Start = 20*time.Millisecond, StartLatest()
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "the partitions are counted", func(p Progress) bool { return p.State == StateRunning && p.TopicPartitions == 2 })
	err := withAdmin(within(t, time.Minute), o.Kafka, func(a *kafka.AdminClient) error {
		results, err := a.CreatePartitions(t.Context(), []kafka.PartitionsSpecification{{Topic: o.Topic, IncreaseTo: 4}})
		if err == nil && results[0].Error.Code() != kafka.ErrNoError {
			err = results[0].Error
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.until(t, "they are more", func(p Progress) bool { return p.TopicPartitions == 4 })
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil {
		t.Fatal(got.err)
	}

	preload(t, o.Kafka, o.Topic, 0, 200)
	before, added := int64(0), int64(0)
	all, err := Group(within(t, time.Minute), o.Kafka, GroupID(o.Pipeline), o.Topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.Partition < 2 {
			before += p.End - p.Committed
		} else {
			added += p.End
		}
	}
	if added == 0 {
		t.Fatal("no record went to a partition that was added")
	}
	o.Partitions, o.Added = []int32{0, 1, 2, 3}, 2
	r = start(t, o, engine(t, o.Topic, nil))
	r.until(t, "all are scored", func(p Progress) bool { return p.Records == before+added })
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil {
		t.Fatal(got.err)
	}
	seen := map[string]int{}
	for _, r := range contents(t, o.Kafka, o.Output) {
		p, err := score.DecodePrediction(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		if seen[p.ID]++; r.Partition != p.Partition%2 {
			t.Errorf("input partition %d was answered in output partition %d of 2", p.Partition, r.Partition)
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d of 200 records are scored", len(seen))
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s is scored %d times", id, n)
		}
	}
}
