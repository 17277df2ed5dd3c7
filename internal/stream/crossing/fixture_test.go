package crossing

import (
	"testing"
	"time"

	"temporal-streaming/internal/record"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// cluster is where a mock listens.
func cluster(t testing.TB) string {
	t.Helper()
	return mock(t).BootstrapServers()
}

// mock is a broker inside librdkafka with one topic of two partitions.
func mock(t testing.TB) *kafka.MockCluster {
	t.Helper()
	c, err := kafka.NewMockCluster(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.CreateTopic(topic, 2, 1); err != nil {
		t.Fatal(err)
	}
	return c
}

var topic = "in"

func newProducer(t testing.TB, brokers string, more kafka.ConfigMap) *kafka.Producer {
	t.Helper()
	m := kafka.ConfigMap{"bootstrap.servers": brokers, "linger.ms": 1}
	for k, v := range more {
		m[k] = v
	}
	p, err := kafka.NewProducer(&m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func newConsumer(t testing.TB, brokers string, more kafka.ConfigMap) *kafka.Consumer {
	t.Helper()
	m := kafka.ConfigMap{"bootstrap.servers": brokers, "group.id": "g", "enable.auto.commit": false,
		"auto.offset.reset": "error", "fetch.wait.max.ms": 10}
	for k, v := range more {
		m[k] = v
	}
	c, err := kafka.NewConsumer(&m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func assign(t testing.TB, c *kafka.Consumer, offset kafka.Offset) {
	t.Helper()
	if err := c.Assign([]kafka.TopicPartition{{Topic: &topic, Partition: 0, Offset: offset}, {Topic: &topic, Partition: 1, Offset: offset}}); err != nil {
		t.Fatal(err)
	}
}

func newSender(t testing.TB, p *kafka.Producer) *Sender {
	t.Helper()
	s, err := NewSender(p, "", topic)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func newPoller(t testing.TB, c *kafka.Consumer) *Poller {
	t.Helper()
	p, err := NewPoller(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func flush(t testing.TB, p *kafka.Producer) {
	t.Helper()
	if left := p.Flush(10000); left > 0 {
		t.Fatalf("%d records were not delivered", left)
	}
}

// awkward are records that tell apart what is easily confused.
var awkward = []struct {
	key, value []byte
	headers    []kafka.Header
}{
	{[]byte("k"), []byte("v"), nil},
	{nil, []byte("no key"), nil},
	{[]byte("tombstone"), nil, nil},
	{[]byte{}, []byte{}, nil},
	{nil, nil, nil},
	{[]byte("with\x00zero"), []byte("\x00\x00"), nil},
	{[]byte("letter"), []byte("dead"), []kafka.Header{{Key: "reason", Value: []byte("why")}, {Key: "empty", Value: []byte{}}, {Key: "null"}, {Key: "", Value: []byte("no name")}}},
	{nil, nil, []kafka.Header{{Key: "only", Value: []byte("headers")}}},
	{[]byte("after"), []byte("the letters"), nil},
}

// same tells null from empty.
func same(a, b []byte) bool { return string(a) == string(b) && (a == nil) == (b == nil) }

// poll waits for some records, at most max.
func poll(t testing.TB, p *Poller, in []record.Message, max int) []record.Message {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		in, event, err := p.Poll(in, max, 1<<30, 100*time.Millisecond)
		if err != nil || event != nil {
			t.Fatalf("poll: %v, %+v", err, event)
		}
		if len(in) > 0 {
			return in
		}
	}
	t.Fatal("no record came")
	return nil
}
