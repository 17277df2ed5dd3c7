package stream

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/record"
)

func TestTransactionalIDDependsOnTheSetOfPartitionsAlone(t *testing.T) {
	a := TransactionalID("creditcard", 0, "hello-fraud", []int32{3, 0, 1, 2, 7})
	b := TransactionalID("creditcard", 0, "hello-fraud", []int32{7, 2, 1, 0, 3})
	if want := "temporal-streaming.creditcard.0.hello-fraud.0-3,7"; a != want || b != want {
		t.Errorf("ids %q and %q, want %q", a, b, want)
	}
	seen := map[string]string{}
	for _, p := range [][]int32{{0}, {0, 1}, {0, 2}, {1}, {10}, {0, 10}, {1, 0, 10}} {
		for stage := range 2 {
			id := TransactionalID("creditcard", stage, "hello-fraud", p)
			if other, taken := seen[id]; taken {
				t.Errorf("%v and %s share %s", p, other, id)
			}
			seen[id] = fmt.Sprint(p, stage)
		}
	}
}

func TestPasswordIsNeverPrinted(t *testing.T) {
	k := Kafka{Brokers: "b:9092", SecurityProtocol: "SASL_SSL", SASLMechanism: "PLAIN", Username: "u", Password: "hunter2"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "kafka", k, "pointer", &k, "options", fmt.Sprintf("%+v", Options{Kafka: k}))
	_, err := json.Marshal(k)
	for _, text := range []string{k.String(), fmt.Sprintf("%v %+v %#v %s %q %d %x", k, k, k, k, k, k, &k), log.String(), fmt.Sprint(err), fmt.Sprint(Kafka.Validate(k))} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("the password shows in %s", text)
		}
	}
	if err == nil {
		t.Error("a connection was encoded")
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	good := Options{Kafka: Kafka{Brokers: "b:1"}, Pipeline: "p", Topic: "in", Output: "out", Partitions: []int32{0}}
	for name, spoil := range map[string]func(*Options){
		"no brokers": func(o *Options) { o.Kafka.Brokers = "" },
		"half credentials": func(o *Options) {
			o.Kafka = Kafka{Brokers: "b:1", SecurityProtocol: "SASL_SSL", SASLMechanism: "PLAIN"}
		},
		"no partitions":   func(o *Options) { o.Partitions = nil },
		"partition twice": func(o *Options) { o.Partitions = []int32{1, 0, 1} },
		"negative":        func(o *Options) { o.Partitions = []int32{-1} },
		"no output":       func(o *Options) { o.Output = "" },
		"circle":          func(o *Options) { o.Output = "in" },
		"console of none": func(o *Options) { o.Sink = SinkConsole },
		"delivery":        func(o *Options) { o.Delivery = "twice" },
	} {
		o := good
		spoil(&o)
		if _, err := NewLoop(o, engine(t, "in", nil)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := NewLoop(good, engine(t, "in", nil)); err != nil {
		t.Error(err)
	}
}

func TestStartIsRead(t *testing.T) {
	for text, want := range map[string]string{"": "earliest", "earliest": "earliest", "latest": "latest", "2026-11-01T08:00:00+01:00": "2026-11-01T07:00:00Z"} {
		if s, err := ParseStart(text); err != nil || s.String() != want {
			t.Errorf("%q: %v, %v; want %s", text, s, err, want)
		}
	}
	if _, err := ParseStart("yesterday"); err == nil || !strings.Contains(err.Error(), "earliest, latest or a time") {
		t.Errorf("yesterday: %v", err)
	}
}

func TestMeterAnswersRateAndLatencyOfTheLastSeconds(t *testing.T) {
	var m meter
	now := time.Unix(1000, 0)
	for range 30 { // three times around the ring
		now = now.Add(time.Second)
		stamps := make([]int64, 1000)
		for i := range stamps {
			stamps[i] = now.UnixMilli() - int64(i%100) - 1 // 1 to 100 ms
		}
		m.add(now, stamps)
	}
	rate, p50, p99 := m.read(now.Add(999 * time.Millisecond))
	if math.Abs(rate-1000) > 5 {
		t.Errorf("rate %v, want 1000", rate)
	}
	if math.Abs(p50-50)/50 > .125 || math.Abs(p99-99)/99 > .125 {
		t.Errorf("p50 %v and p99 %v, want 50 and 99 to an eighth", p50, p99)
	}
	if rate, p50, p99 := m.read(now.Add(time.Minute)); rate != 0 || p50 != 0 || p99 != 0 {
		t.Errorf("a minute later: %v %v %v, want zeros", rate, p50, p99)
	}
}

func TestMeterKeepsEveryLatencyWithinAnEighth(t *testing.T) {
	for micros := int64(-5); micros < 1<<40; micros = micros*9/8 + 7 {
		b := bucket(micros)
		if b < 0 || b >= buckets {
			t.Fatalf("%d us falls into bucket %d of %d", micros, b, buckets)
		}
		if got := middle(b) * 1000; micros > 1<<firstOctave && micros < 1<<lastOctave && math.Abs(got-float64(micros))/float64(micros) > .125 {
			t.Fatalf("%d us is told as %v", micros, got)
		}
	}
}

func TestMeterAllocatesNothing(t *testing.T) {
	var m meter
	now := time.Unix(1000, 0)
	stamps := make([]int64, 500)
	if n := testing.AllocsPerRun(100, func() { m.add(now, stamps) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestEmitAllocatesNothingPerRecord runs the loop's own work on a batch, from the polled
// records to what is handed to the client, with the real engine.
func TestEmitAllocatesNothingPerRecord(t *testing.T) {
	o := Options{Kafka: Kafka{Brokers: "memory"}, Pipeline: "tiny", Topic: "in", Output: "out", Partitions: []int32{0}}
	l, err := NewLoop(o, engine(t, "in", nil))
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(l, nil, blackHole{})
	s.next = []int64{0}
	in := make([]record.Message, 1000)
	for i := range in {
		in[i] = record.Message{Offset: int64(i), Timestamp: 1, Key: []byte("id-123"), Value: []byte(`{"Amount":12.5,"id":7}`)}
	}
	ctx := t.Context()
	per := testing.AllocsPerRun(20, func() {
		s.stamps = s.stamps[:0]
		if err := s.take(ctx, in); err != nil {
			t.Fatal(err)
		}
	})
	if per > 20 { // a handful for the batch: contexts and their timer
		t.Errorf("%v allocations for a batch of %d records", per, len(in))
	}
}

func TestTransactionalIDTellsItsPartitions(t *testing.T) {
	for _, want := range [][]int32{{0}, {3, 4, 5, 9}, {0, 2, 4}, {0, 1, 2, 3}} {
		if got := OwnedBy(TransactionalID("p", 1, "in.put", want), "p", 1, "in.put"); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	for _, id := range []string{"", "temporal-streaming.p.1.in.put.", "temporal-streaming.p.1.in.put.9-3", "temporal-streaming.p.1.other.0", "temporal-streaming.p.1.in.put.0-99999999"} {
		if got := OwnedBy(id, "p", 1, "in.put"); got != nil {
			t.Errorf("%q: got %v, want none", id, got)
		}
	}
}
