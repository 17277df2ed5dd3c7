//go:build linux

package crossing

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/record"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func TestRecordsCrossAsTheyAre(t *testing.T) {
	brokers := cluster(t)
	p := newProducer(t, brokers, kafka.ConfigMap{"go.delivery.reports": false})
	s := newSender(t, p)
	for _, a := range awkward {
		s.Add(1, 1, a.key, a.value)
		for _, h := range a.headers {
			s.Header(h.Key, h.Value)
		}
	}
	if err := s.Send(); err != nil {
		t.Fatal(err)
	}
	flush(t, p)

	public := newConsumer(t, brokers, kafka.ConfigMap{"group.id": "public"})
	assign(t, public, 0)
	c := newConsumer(t, brokers, nil)
	assign(t, c, 0)
	batches := newPoller(t, c)
	var in []record.Message
	for i, a := range awkward {
		m, err := public.ReadMessage(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if !same(m.Key, a.key) || !same(m.Value, a.value) {
			t.Errorf("record %d arrived as %q=%q, sent was %q=%q", i, m.Key, m.Value, a.key, a.value)
		}
		if !slices.EqualFunc(m.Headers, a.headers, func(g, w kafka.Header) bool { return g.Key == w.Key && same(g.Value, w.Value) }) {
			t.Errorf("record %d arrived with headers %q, sent were %q", i, m.Headers, a.headers)
		}
		in = poll(t, batches, in[:0], 1)
		if got := in[0]; !same(got.Key, a.key) || !same(got.Value, a.value) || got.Partition != 1 || got.Offset != int64(i) || got.Timestamp != m.Timestamp.UnixMilli() {
			t.Errorf("record %d was polled as %+v", i, got)
		}
	}
}

func TestABatchStaysWithinItsBoundsAndInOrder(t *testing.T) {
	const n = 3000
	brokers := cluster(t)
	p := newProducer(t, brokers, kafka.ConfigMap{"go.delivery.reports": false})
	s := newSender(t, p)
	for i := range n {
		s.Add(1, int32(i%2), fmt.Appendf(nil, "%d", i), make([]byte, 1000))
		if s.Full() {
			if err := s.Send(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Send(); err != nil {
		t.Fatal(err)
	}
	flush(t, p)
	c := newConsumer(t, brokers, nil)
	assign(t, c, 0)
	b := newPoller(t, c)
	var next [2]int
	var in []record.Message
	for got, most := 0, 0; got < n; got += len(in) {
		most = got%700 + 1
		bytes := 50_000
		var err error
		if in, _, err = b.Poll(in[:0], most, bytes, time.Second); err != nil {
			t.Fatal(err)
		}
		if len(in) > most || len(in) > 50 {
			t.Fatalf("%d records of 1000 bytes; asked for at most %d and %d bytes", len(in), most, bytes)
		}
		for _, m := range in {
			if want := fmt.Sprint(2*next[m.Partition] + int(m.Partition)); string(m.Key) != want || m.Offset != int64(next[m.Partition]) {
				t.Fatalf("partition %d: %q at offset %d, want %s at %d", m.Partition, m.Key, m.Offset, want, next[m.Partition])
			}
			next[m.Partition]++
		}
	}
}

func TestAFullQueueTakesAPartAndTheRestLater(t *testing.T) {
	brokers := cluster(t)
	p := newProducer(t, brokers, kafka.ConfigMap{"queue.buffering.max.messages": 10, "linger.ms": 60000, "go.delivery.reports": false})
	s := newSender(t, p)
	for i := range 25 {
		s.Add(1, 0, nil, fmt.Appendf(nil, "%d", i))
	}
	var refused int
	for {
		err := s.Send()
		if err == nil {
			break
		}
		var k kafka.Error
		if !errors.As(err, &k) || k.Code() != kafka.ErrQueueFull {
			t.Fatal(err)
		}
		if refused++; s.taken != 10*refused {
			t.Fatalf("%d records were taken after %d refusals", s.taken, refused)
		}
		flush(t, p)
	}
	flush(t, p)
	if refused != 2 {
		t.Errorf("refused %d times", refused)
	}
	c := newConsumer(t, brokers, nil)
	assign(t, c, 0)
	b := newPoller(t, c)
	for i := range 25 {
		if in := poll(t, b, nil, 1); string(in[0].Value) != fmt.Sprint(i) {
			t.Fatalf("record %d is %q", i, in[0].Value)
		}
	}
}

func TestARefusedRecordEndsTheSend(t *testing.T) {
	p := newProducer(t, cluster(t), kafka.ConfigMap{"message.max.bytes": 2000, "go.delivery.reports": false})
	s := newSender(t, p)
	s.Add(1, 0, nil, []byte("small"))
	s.Add(1, 0, nil, make([]byte, 3000))
	s.Add(1, 0, nil, []byte("small"))
	var k kafka.Error
	if err := s.Send(); !errors.As(err, &k) || k.Code() != kafka.ErrMsgSizeTooLarge || s.taken != 1 {
		t.Fatalf("%v after %d records; want %v after 1", err, s.taken, kafka.ErrMsgSizeTooLarge)
	}
	s.Forget()
	if err := s.Send(); err != nil || s.taken != 0 {
		t.Fatalf("%v after everything was forgotten", err)
	}
	flush(t, p)
}

func TestDeliveryReportsComeWhereTheyAlwaysDo(t *testing.T) {
	p := newProducer(t, cluster(t), nil)
	s := newSender(t, p)
	for range 3 {
		s.Add(1, 0, []byte("k"), []byte("v"))
	}
	if err := s.Send(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		select {
		case e := <-p.Events():
			if m, ok := e.(*kafka.Message); !ok || m.TopicPartition.Error != nil || string(m.Value) != "v" {
				t.Fatalf("event %v", e)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no report")
		}
	}
}

func TestOnlyFailuresAreReportedIfSo(t *testing.T) {
	brokers := cluster(t)
	p := newProducer(t, brokers, nil)
	s := newSender(t, p)
	if err := s.OnlyFailures(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.Add(1, 0, nil, []byte("v"))
	}
	if err := s.Send(); err != nil || !s.Flush(10*time.Second) {
		t.Fatalf("%v, or not delivered", err)
	}
	select {
	case e := <-p.Events():
		t.Errorf("event %v", e)
	case <-time.After(100 * time.Millisecond):
	}
	p = newProducer(t, brokers, kafka.ConfigMap{"linger.ms": 60000})
	s = newSender(t, p)
	if err := s.OnlyFailures(); err != nil {
		t.Fatal(err)
	}
	s.Add(1, 0, nil, []byte("v"))
	if err := s.Send(); err != nil {
		t.Fatal(err)
	}
	if err := p.Purge(kafka.PurgeQueue); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-p.Events():
		var k kafka.Error
		if m, ok := e.(*kafka.Message); !ok || !errors.As(m.TopicPartition.Error, &k) || k.Code() != kafka.ErrPurgeQueue {
			t.Errorf("event %v", e)
		}
	case <-time.After(10 * time.Second):
		t.Error("no report of a record that failed")
	}
}

// TestErrorsAreThoseOfThePublicCalls asks both ways for an offset that the broker does not
// have.
func TestErrorsAreThoseOfThePublicCalls(t *testing.T) {
	brokers := cluster(t)
	public := newConsumer(t, brokers, kafka.ConfigMap{"group.id": "public"})
	assign(t, public, 1000)
	want, ok := public.Poll(10000).(kafka.Error)
	if !ok || want.Code() != kafka.ErrAutoOffsetReset {
		t.Fatalf("the public call answers %v", want)
	}
	c := newConsumer(t, brokers, nil)
	assign(t, c, 1000)
	in, event, err := newPoller(t, c).Poll(nil, 100, 1<<20, 10*time.Second)
	if err != nil || event == nil || len(in) > 0 {
		t.Fatalf("%d records, %+v, %v", len(in), event, err)
	}
	if got := event.Err; got.Code() != want.Code() || got.Error() != want.Error() || got.IsFatal() != want.IsFatal() || event.Partition != -1 {
		t.Errorf("got %v of partition %d, the public call answers %v", got, event.Partition, want)
	}
}

func TestStatisticsComeBetweenRecords(t *testing.T) {
	c := newConsumer(t, cluster(t), kafka.ConfigMap{"statistics.interval.ms": 20})
	_, event, err := newPoller(t, c).Poll(nil, 100, 1<<20, 10*time.Second)
	if err != nil || event == nil || !strings.Contains(event.Statistics, c.String()) {
		t.Fatalf("%+v, %v", event, err)
	}
}

func TestNothingIsBorrowedFromAClosedClient(t *testing.T) {
	c := newConsumer(t, cluster(t), nil)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := borrow(c, "rkq", "_Ctype_struct_rd_kafka_queue_s"); !errors.Is(err, ErrUnsuitable) {
		t.Error(err)
	}
}

// TestARecordCostsNoAllocation polls and sends batches. The client's own goroutine takes the
// delivery reports meanwhile, with a few allocations for each batch that the broker took.
func TestARecordCostsNoAllocation(t *testing.T) {
	const batch, runs = 500, 100
	brokers := cluster(t)
	p := newProducer(t, brokers, kafka.ConfigMap{"go.delivery.reports": false, "queue.buffering.max.messages": 1000000})
	s := newSender(t, p)
	fill := func() {
		for range batch {
			s.Add(1, 0, []byte("key of a record"), []byte("value of a record, of some length"))
		}
		if err := s.Send(); err != nil {
			t.Fatal(err)
		}
	}
	for range runs + 2 {
		fill()
	}
	flush(t, p)
	c := newConsumer(t, brokers, nil)
	assign(t, c, 0)
	b := newPoller(t, c)
	in := make([]record.Message, 0, batch)
	round := func() {
		for got := 0; got < batch; got += len(in) {
			var event *Event
			var err error
			if in, event, err = b.Poll(in[:0], batch-got, 1<<30, 10*time.Second); err != nil || event != nil {
				t.Fatalf("poll: %v, %+v", err, event)
			}
		}
		fill()
	}
	// A broker that is kept waiting takes a batch in more requests, each with its reports; that only adds.
	per := testing.AllocsPerRun(runs, round)
	for range 2 {
		per = min(per, testing.AllocsPerRun(runs, round))
	}
	if per > 5 {
		t.Errorf("%v allocations for a batch of %d records, polled and sent", per, batch)
	}
}
