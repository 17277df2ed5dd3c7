package stream

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/test/stack"
)

// brokers are three Apache Kafka brokers, started by the first test that needs them. Each
// partition is on all three, and two must have what is acknowledged.
type brokers struct {
	once    sync.Once
	servers *stack.Servers
	dir     string
	err     error
}

var cluster brokers

// several answers a cluster to test against.
func several(t testing.TB) (*stack.Servers, Kafka) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs three Apache Kafka brokers")
	}
	servers.Need(t) // says why it cannot be
	cluster.once.Do(cluster.start)
	if cluster.err != nil {
		t.Fatal(cluster.err)
	}
	return cluster.servers, Kafka{Brokers: cluster.servers.Brokers()}
}

func (b *brokers) start() {
	if b.dir, b.err = os.MkdirTemp("", "brokers-*"); b.err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	b.servers, b.err = stack.Open(ctx, stack.Options{
		Services: []string{stack.Kafka}, Kafka: stack.Apache, Data: filepath.Join(b.dir, "data"), Brokers: 3, SASL: true,
		KafkaSet: []string{
			"transaction.abort.timed.out.transaction.cleanup.interval.ms=500", // the default looks every 10 s
			"listener.name.sasl.connections.max.reauth.ms=2000",               // credentials are asked for again
			// Rights are looked at, and everybody has those that nobody has been denied.
			"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
			"allow.everyone.if.no.acl.found=true",
			"super.users=User:ANONYMOUS",
		},
	})
}

// end kills the brokers, which is faster than to ask them.
func (b *brokers) end() {
	if b.servers != nil {
		for n := 1; n <= 3; n++ {
			if err := b.servers.StopNow(context.Background(), stack.Broker(n)); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
		if err := b.servers.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.RemoveAll(b.dir)
}

// leader answers which broker leads a partition, by its service name.
func leader(t testing.TB, k Kafka, topic string, partition int32) string {
	t.Helper()
	ctx := within(t, 20*time.Second)
	var id int32
	err := withAdmin(ctx, k, func(a *kafka.AdminClient) error {
		m, err := a.GetMetadata(&topic, false, millis(ctx))
		if err != nil {
			return err
		}
		for _, p := range m.Topics[topic].Partitions {
			if p.ID == partition {
				id = p.Leader
			}
		}
		return nil
	})
	if err != nil || id < 1 {
		t.Fatalf("leader of %s-%d is %d: %v", topic, partition, id, err)
	}
	return stack.Broker(int(id))
}

// coordinator answers which broker coordinates a group or a transactional id: the leader of
// the partition of Kafka's own topic to which Java's hash of the name belongs.
func coordinator(t testing.TB, k Kafka, topic, name string) string {
	t.Helper()
	n, err := Partitions(within(t, 20*time.Second), k, topic)
	if err != nil {
		t.Fatal(err)
	}
	var hash int32
	for _, c := range []byte(name) {
		hash = 31*hash + int32(c)
	}
	return leader(t, k, topic, (hash&0x7fffffff)%int32(n))
}

// administer asks the brokers for a change. What a broker refuses by name shows as a change that the test waits for in vain.
func administer(t testing.TB, k Kafka, change func(context.Context, *kafka.AdminClient) error) {
	t.Helper()
	ctx := within(t, 20*time.Second)
	if err := withAdmin(ctx, k, func(a *kafka.AdminClient) error { return change(ctx, a) }); err != nil {
		t.Fatal(err)
	}
}

// load sends ids, the first of which is given, at a steady rate until the test calls what it
// answers, which tells the id that would have been next.
func load(t testing.TB, k Kafka, topic string, from int, perSecond float64) (end func() int) {
	t.Helper()
	ended := loadAndTell(t, k, topic, from, perSecond)
	return func() int {
		t.Helper()
		next, _, err := ended()
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
}

// loadAndTell is load for a broker that may refuse records: end answers also how many were
// acknowledged, and why others were not.
func loadAndTell(t testing.TB, k Kafka, topic string, from int, perSecond float64) (end func() (next int, acknowledged int64, err error)) {
	t.Helper()
	ctx := within(t, 3*time.Minute)
	s := sender(t, ctx, SenderOptions{Kafka: k, Topic: topic, Rate: perSecond})
	enough, done := make(chan struct{}), make(chan error, 1)
	n := from
	go func() {
		for ; ; n++ {
			select {
			case <-enough:
				_, err := s.Close(ctx)
				done <- err
				return
			default:
			}
			if err := sendID(ctx, s, n); err != nil {
				done <- err
				return
			}
		}
	}()
	return func() (int, int64, error) {
		close(enough)
		err := <-done
		return n, s.Sent().Delivered, err
	}
}

// said keeps what a loop logs.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// listen makes a loop's log readable for the test.
func listen(o *Options) *said {
	s := &said{}
	o.Logger = slog.New(slog.NewTextHandler(s, nil))
	return s
}

// wantLine fails unless a line of the log names the fault and says what to do about it.
func (s *said) wantLine(t testing.TB, fault Fault, do string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(s.text.String()) {
		if strings.Contains(line, "fault="+string(fault)) && strings.Contains(line, "do=") && strings.Contains(line, do) {
			return
		}
	}
	t.Errorf("no line of the log tells of %s and says to %q:\n%s", fault, do, s.text.String())
}

// scoredAtLeast waits for so many records.
func scoredAtLeast(n int64) func(Progress) bool {
	return func(p Progress) bool { return p.Records >= n }
}

// exactly drains a loop that has scored the ids 0 to n-1 and looks at its output.
func exactly(t testing.TB, r *running, o Options, n int) outcome {
	t.Helper()
	got := drained(t, r, n)
	wantOnce(t, o.Kafka, o.Output, n)
	return got
}

// drained stops a loop when it has n records behind it. It goes by offsets: a commit whose
// answer is lost moves them, and is in no count.
func drained(t testing.TB, r *running, n int) outcome {
	t.Helper()
	r.until(t, "all are scored", func(p Progress) bool {
		committed := int64(0)
		for _, q := range p.Partitions {
			committed += q.Next
		}
		return committed == int64(n)
	})
	r.stop()
	got := r.wait(t, 30*time.Second)
	if got.err != nil {
		t.Fatal(got.err)
	}
	return got
}
