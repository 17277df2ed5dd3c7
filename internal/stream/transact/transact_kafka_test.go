package transact

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"temporal-streaming/test/stack"
)

var servers *stack.Stack

func TestMain(m *testing.M) {
	os.Exit(stack.Main(m, stack.Options{Services: []string{stack.Kafka}, Kafka: stack.Apache, Brokers: 3}, func(s *stack.Stack) { servers = s }))
}

var number atomic.Int64

// topic makes one of four partitions.
func topic(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Apache Kafka")
	}
	servers.Need(t)
	name := fmt.Sprintf("transact-%d-%d", time.Now().UnixNano(), number.Add(1))
	client := connect(t)
	req := kmsg.NewCreateTopicsRequest()
	it := kmsg.NewCreateTopicsRequestTopic()
	it.Topic, it.NumPartitions, it.ReplicationFactor = name, 4, 1
	limit := kmsg.NewCreateTopicsRequestTopicConfig()
	limit.Name, limit.Value = "max.message.bytes", kmsg.StringPtr("100000")
	it.Configs = append(it.Configs, limit)
	req.Topics = append(req.Topics, it)
	resp, err := req.RequestWith(t.Context(), client)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func connect(t *testing.T, more ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(strings.Split(servers.Brokers(), ",")...)}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func open(t *testing.T, topic string) *Producer { return openBy(t, topic, nil) }

func openBy(t *testing.T, topic string, dial func(ctx context.Context, network, address string) (net.Conn, error)) *Producer {
	t.Helper()
	p, err := New(Config{
		Reach: Reach{Brokers: strings.Split(servers.Brokers(), ","), Dial: dial}, ID: "id." + topic, Group: "group." + topic, Topics: []string{topic},
		TransactionTimeout: 30 * time.Second, AnswerTimeout: 5 * time.Second, BatchBytes: 90_000,
		Note: func(err error) { t.Logf("note: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if err := p.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// write commits a transaction of some records for each partition, numbered from n on, in a few parcels.
func write(t *testing.T, p *Producer, n, each int) error {
	t.Helper()
	for i := range each {
		for part := range int32(4) {
			key, value := fmt.Appendf(nil, "k%d", n+i), fmt.Appendf(nil, "%d.%d %0100d", n+i, part, 0)
			if !p.Fits(0, part, key, value, nil) || i%100 == 99 {
				if err := p.Send(t.Context(), func() {}); err != nil {
					return err
				}
			}
			p.Add(0, part, key, value, []Header{{"n", key}}, time.Now().UnixMilli())
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	offsets := make([]Offset, 4)
	for i := range offsets {
		offsets[i] = Offset{Topic: p.Topics[0], Partition: int32(i), Offset: int64(n + each), Note: "note"}
	}
	_, err := p.Commit(ctx, offsets)
	return err
}

// want fails unless readers of committed records see 0 to n-1 in each partition, once and in order, and the group has n.
func want(t *testing.T, topic string, n int) {
	t.Helper()
	offsets := map[string]map[int32]kgo.Offset{topic: {}}
	for part := range int32(4) {
		offsets[topic][part] = kgo.NewOffset().AtStart()
	}
	client := connect(t, kgo.ConsumePartitions(offsets), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	var next [4]int
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for next != [4]int{n, n, n, n} {
		got := client.PollFetches(ctx)
		if err := got.Err0(); err != nil {
			t.Fatalf("%v: read %v, want %d each", err, next, n)
		}
		for r := range got.RecordsAll() {
			key := fmt.Sprintf("k%d", next[r.Partition])
			if string(r.Key) != key || len(r.Headers) != 1 || string(r.Headers[0].Value) != key {
				t.Fatalf("partition %d has %q where %q should be", r.Partition, r.Key, key)
			}
			next[r.Partition]++
		}
	}
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond) // more than there should be would be there
	defer cancel()
	if got := client.PollFetches(ctx); got.NumRecords() > 0 {
		t.Errorf("%d records more", got.NumRecords())
	}
	req := kmsg.NewOffsetFetchRequest()
	req.Group, req.RequireStable = "group."+topic, true
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = req.Group
	req.Groups = append(req.Groups, g)
	resp, err := req.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range resp.Groups[0].Topics {
		for _, it := range of.Partitions {
			if it.Offset != int64(n) || *it.Metadata != "note" {
				t.Errorf("the group has %d (%q) of partition %d, want %d", it.Offset, *it.Metadata, it.Partition, n)
			}
		}
	}
}

func TestTransactionsAreReadWholeOnceAndInOrder(t *testing.T) {
	name := topic(t)
	p := open(t, name)
	epoch, n := p.epoch, 0
	for i := range 60 {
		each := 1 + i%7*100
		if err := write(t, p, n, each); err != nil {
			t.Fatal(err)
		}
		n += each
		if p.epoch == epoch {
			t.Fatalf("transaction %d left the epoch at %d", i, epoch)
		}
		epoch = p.epoch
	}
	want(t, name, n)
}

func TestWhatIsCollectedAheadGoesWithTheNextTransaction(t *testing.T) {
	name := topic(t)
	p := open(t, name)
	for n := range 20 {
		for part := range int32(4) {
			key := fmt.Appendf(nil, "k%d", 2*n+1)
			p.Ahead(0, part, key, key, []Header{{"n", key}}, 1)
		}
		if p.AheadBytes() == 0 {
			t.Fatal("nothing was collected")
		}
		ahead := p.ahead
		if err := write(t, p, 2*n, 1); err != nil {
			t.Fatal(err)
		}
		p.Release()
		if p.filling != ahead || p.Bytes() == 0 {
			t.Fatal("what was collected ahead is not the beginning of the next")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if _, err := p.Commit(ctx, []Offset{{Topic: name, Offset: int64(2*n + 2), Note: "note"}}); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	for part := range int32(4) { // the group's offsets of all
		if _, err := p.Commit(t.Context(), []Offset{{Topic: name, Partition: part, Offset: 40, Note: "note"}}); err != nil {
			t.Fatal(err)
		}
	}
	want(t, name, 40)
}

func TestAbortedRecordsAreNeverSeen(t *testing.T) {
	name := topic(t)
	p := open(t, name)
	if err := write(t, p, 0, 10); err != nil {
		t.Fatal(err)
	}
	p.Add(0, 1, []byte("k10"), []byte("aborted"), nil, 1)
	if err := p.Send(t.Context(), func() {}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if err := p.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Send(t.Context(), func() {}); err == nil {
		t.Error("it goes on after an abort")
	}
	next := open(t, name)
	if err := write(t, next, 10, 10); err != nil {
		t.Fatal(err)
	}
	want(t, name, 20)
}

func TestASuccessorFencesWhoeverHadTheIDBefore(t *testing.T) {
	name := topic(t)
	first := open(t, name)
	if err := write(t, first, 0, 10); err != nil {
		t.Fatal(err)
	}
	first.Add(0, 2, []byte("k10"), []byte("open"), nil, 1) // its transaction is open
	if err := first.Send(t.Context(), func() {}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	second := open(t, name)
	err := write(t, first, 10, 10)
	if !errors.Is(err, kerr.InvalidProducerEpoch) && !errors.Is(err, kerr.ProducerFenced) {
		t.Errorf("the first one goes on: %v", err)
	}
	if err := write(t, second, 10, 10); err != nil {
		t.Fatal(err)
	}
	want(t, name, 20)
}

func TestARecordThatIsTooLargeIsRefused(t *testing.T) {
	name := topic(t)
	p := open(t, name)
	if err := write(t, p, 0, 1); err != nil {
		t.Fatal(err)
	}
	p.Add(0, 0, []byte("k1"), make([]byte, 200_000), nil, 1)
	if _, err := p.Commit(t.Context(), []Offset{{Topic: name, Offset: 99, Note: "note"}}); !errors.Is(err, kerr.MessageTooLarge) {
		t.Errorf("want %v, got %v", kerr.MessageTooLarge, err)
	}
	if err := p.Abort(t.Context()); err != nil {
		t.Error(err)
	}
	want(t, name, 1)
}

func TestNobodyWaitsForBrokersThatAreNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	begun := time.Now()
	p, err := New(Config{Reach: Reach{Brokers: []string{l.Addr().String()}}, ID: "id", Topics: []string{"t"}, TransactionTimeout: time.Second, AnswerTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	err = p.Prepare(ctx)
	if err == nil || errors.Is(err, ErrUnsupported) || time.Since(begun) > 4*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

// deaf is a connection that dies when the answer to some request is due: the broker has done what it was asked, and nobody hears of it.
type deaf struct {
	net.Conn
	lose   func(key int16) bool
	losing atomic.Bool
}

func (d *deaf) Write(p []byte) (int, error) {
	if len(p) >= 6 && d.lose(int16(binary.BigEndian.Uint16(p[4:]))) {
		d.losing.Store(true)
	}
	return d.Conn.Write(p)
}

func (d *deaf) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p) // the answer is there: so it was done
	if err == nil && d.losing.Load() {
		d.Conn.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

func TestAnswersThatAreLostChangeNothing(t *testing.T) {
	for what, key := range map[string]int16{"produce": produceKey, "offsets": offsetsKey, "end": endKey, "claim": claimKey} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			name := topic(t)
			var seen, lost atomic.Int64
			dialer := func(ctx context.Context, network, host string) (net.Conn, error) {
				c, err := (&net.Dialer{}).DialContext(ctx, network, host)
				if err != nil {
					return nil, err
				}
				return &deaf{Conn: c, lose: func(k int16) bool {
					if k != key || seen.Add(1)%3 != 1 {
						return false
					}
					lost.Add(1)
					return true
				}}, nil
			}
			p := openBy(t, name, dialer)
			n := 0
			for range 20 {
				if err := write(t, p, n, 50); err != nil {
					t.Fatal(err)
				}
				n += 50
			}
			want(t, name, n)
			if lost.Load() == 0 {
				t.Error("no answer was lost")
			}
			t.Logf("%d of %d answers were lost", lost.Load(), seen.Load())
		})
	}
}
