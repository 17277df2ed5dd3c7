package crossing

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// transactional is a producer that owns its transactional id.
func transactional(t *testing.T, brokers, id string, more kafka.ConfigMap) *kafka.Producer {
	t.Helper()
	m := kafka.ConfigMap{"transactional.id": id, "go.delivery.reports": false}
	for k, v := range more {
		m[k] = v
	}
	p := newProducer(t, brokers, m)
	if err := p.InitTransactions(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

func newEntry(t *testing.T, p *kafka.Producer) *Entry {
	t.Helper()
	e, err := NewEntry(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func waiting(e *Entry) <-chan bool {
	in := make(chan bool, 1)
	go func() { in <- e.Wait() }()
	return in
}

func sendOffsets(t *testing.T, p *kafka.Producer, offset kafka.Offset) {
	t.Helper()
	group, err := kafka.NewTestConsumerGroupMetadata("g")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SendOffsetsToTransaction(t.Context(), []kafka.TopicPartition{{Topic: &topic, Partition: 0, Offset: offset}}, group); err != nil {
		t.Fatal(err)
	}
}

func TestAnEntryTellsWhenItsOwnTransactionIsLetIn(t *testing.T) {
	brokers := cluster(t)
	p, other := transactional(t, brokers, "t", nil), transactional(t, brokers, "u", nil)
	s, e := newSender(t, p), newEntry(t, p)
	ofOther := newEntry(t, other)
	for n := range 20 {
		e.Begin()
		ofOther.Begin()
		in, otherIn := waiting(e), waiting(ofOther)
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-in:
			t.Fatal("let in before anything was sent")
		case <-time.After(time.Millisecond):
		}
		s.Add(1, 0, nil, fmt.Appendf(nil, "%d", n))
		sendOffsets(t, p, kafka.Offset(n+1))
		if !<-in {
			t.Fatal("not let in, though its offsets are")
		}
		if err := s.Send(); err != nil {
			t.Fatal(err)
		}
		if err := p.CommitTransaction(t.Context()); err != nil {
			t.Fatal(err)
		}
		if asked := e.End(); asked != 1 {
			t.Errorf("asked %d times", asked)
		}
		if asked := ofOther.End(); <-otherIn || asked != 0 {
			t.Errorf("a transaction that has sent nothing was let in, or asked %d times", asked)
		}
	}
	c := newConsumer(t, brokers, nil)
	assign(t, c, 0)
	b := newPoller(t, c)
	for n := range 20 {
		if in := poll(t, b, nil, 1); string(in[0].Value) != fmt.Sprint(n) {
			t.Fatalf("record %d is %q", n, in[0].Value)
		}
	}
}

// known waits until a producer knows the topic's partitions.
func known(t *testing.T, p *kafka.Producer) {
	t.Helper()
	if _, err := p.GetMetadata(&topic, false, 10_000); err != nil {
		t.Fatal(err)
	}
}

// TestPartitionsAreRegisteredTogetherAndAtOnce counts the requests by the client's own statistics.
func TestPartitionsAreRegisteredTogetherAndAtOnce(t *testing.T) {
	p := transactional(t, cluster(t), "t", kafka.ConfigMap{"statistics.interval.ms": 50})
	s := newSender(t, p)
	known(t, p)
	const transactions = 50
	for range transactions {
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for _, fresh := range []int{1, 0} {
			for i := range 150 {
				s.Add(1, int32(i%2), nil, []byte("v"))
			}
			if err := s.Send(); err != nil {
				t.Fatal(err)
			}
			if int(s.c.registered) != fresh {
				t.Fatalf("partitions were registered: %d, want %d", s.c.registered, fresh)
			}
		}
		if err := p.CommitTransaction(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ended, registered := 0, 0
	for deadline := time.After(10 * time.Second); ended < transactions; {
		select {
		case e := <-p.Events():
			if it, ok := e.(*kafka.Stats); ok {
				ended, registered = requests(t, it, "EndTxn"), requests(t, it, "AddPartitionsToTxn")
			}
		case <-deadline:
			t.Fatalf("the statistics know of %d ends", ended)
		}
	}
	if registered != transactions {
		t.Errorf("%d requests for the partitions of %d transactions", registered, transactions)
	}
}

// TestRecordsMayComeBeforeTheirTopicIsKnown has the broker answer late what the sender asks it about its topic.
func TestRecordsMayComeBeforeTheirTopicIsKnown(t *testing.T) {
	c := mock(t)
	p := transactional(t, c.BootstrapServers(), "t", nil)
	if err := c.SetRoundtripDuration(1, 2*time.Second); err != nil {
		t.Fatal(err)
	}
	s := newSender(t, p)
	if err := p.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for n := range 300 {
		s.Add(1, int32(n/100%2), nil, fmt.Appendf(nil, "%d", n))
	}
	if err := s.Send(); err != nil {
		t.Fatal(err)
	}
	if s.c.registered != 0 {
		t.Fatal("registered partitions of a topic that is not known yet")
	}
	if err := c.SetRoundtripDuration(1, 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := p.CommitTransaction(ctx); err != nil {
		t.Fatal(err)
	}
	b := newConsumer(t, c.BootstrapServers(), nil)
	assign(t, b, 0)
	from := newPoller(t, b)
	next := map[int32]int{0: 0, 1: 100}
	for n := range 300 {
		r := poll(t, from, nil, 1)[0]
		if want := next[r.Partition]; string(r.Value) != fmt.Sprint(want) {
			t.Fatalf("record %d is %q of partition %d, want %d", n, r.Value, r.Partition, want)
		}
		if next[r.Partition]++; next[0] == 100 {
			next[0] = 200
		}
	}
}

// requests is how many of one kind a client has sent.
func requests(t *testing.T, stats *kafka.Stats, kind string) (sum int) {
	t.Helper()
	var s struct {
		Brokers map[string]struct {
			Req map[string]int `json:"req"`
		} `json:"brokers"`
	}
	if err := json.Unmarshal([]byte(stats.String()), &s); err != nil {
		t.Fatal(err)
	}
	for _, b := range s.Brokers {
		sum += b.Req[kind]
	}
	return sum
}

func TestNobodyWaitsForATransactionThatIsNotSent(t *testing.T) {
	p := transactional(t, cluster(t), "t", nil)
	e := newEntry(t, p)
	sent := func() {
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		sendOffsets(t, p, 1)
		if err := p.CommitTransaction(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sent()
	e.Begin() // forgets it
	in := waiting(e)
	time.Sleep(10 * time.Millisecond)
	if asked := e.End(); <-in || asked != 0 {
		t.Errorf("let in, asked %d times", asked)
	}
	e.Close()
	sent() // of which nobody wants to hear
	e.Close()
}
