package stream

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
)

// tiny is a pipeline with one feature, so that messages in transcripts stay readable.
const tiny = `
name: tiny
description: One feature, for the tests of the loop.
schema: [{name: Time, type: float}, {name: Amount, type: float}, {name: Class, type: int}]
order_by: Time
label: {column: Class, positive: 1}
source: {topic: in, format: json, start: earliest}
features: [{name: Amount}]
model: {kind: mlp, hidden: [4], members: 1, epochs: 1, batch: 16, learning_rate: 0.01, seed: 7}
training: {split: {train: 0.6, validation: 0.2, test: 0.2}}
threshold: {policy: max_f1}
decision: {positive: fraud, negative: genuine}
sink: {kind: kafka, topic: out, dead_letters: in.dlq}
`

// engine is the real scorer with a model of one weight: large amounts are frauds.
func engine(t testing.TB, topic string, now func() time.Time) *score.Engine {
	t.Helper()
	return engineOf(t, "1", topic, now)
}

// engineOf is an engine whose predictions name a version.
func engineOf(t testing.TB, version, topic string, now func() time.Time) *score.Engine {
	t.Helper()
	d, err := pipeline.Parse("tiny.yaml", []byte(tiny))
	if err != nil {
		t.Fatal(err)
	}
	b := &score.Bundle{
		Name: "tiny", Version: version, Definition: d, Spec: feature.SpecOf(d),
		Model: &model.Model{
			Features:    []string{"Amount"},
			Preparation: model.Preparation{SignedLog: []bool{false}, Mean: []float32{0}, Scale: []float32{1}, Clip: 100},
			Members:     []model.MLP{{Layers: []model.Layer{{In: 1, Out: 1, Weights: []float32{1}, Bias: []float32{0}}}}},
			Threshold:   .5,
		},
	}
	e, err := b.NewEngine(score.EngineOptions{Topic: topic, MaxBatch: 256, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// mischief is a processor that does what a message's value says, if it says something,
// and leaves the others to the real one.
type mischief struct{ score.Engine }

func (m *mischief) Process(in []record.Message, out *score.Output) {
	for i := range in {
		if strings.Contains(string(in[i].Value), "panic") {
			panic("index out of range")
		}
	}
	m.Engine.Process(in, out)
	kept := out.Results[:0]
	for _, r := range out.Results {
		if !strings.Contains(string(in[r.Input].Value), "forget") {
			kept = append(kept, r)
		}
	}
	out.Results = kept
}

// broker answers an Apache Kafka to test against: the one that KAFKA_BOOTSTRAP_SERVERS
// names, or the package's own. -short skips what needs one.
func broker(t testing.TB) Kafka {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Apache Kafka")
	}
	if address := os.Getenv("KAFKA_BOOTSTRAP_SERVERS"); address != "" {
		return Kafka{Brokers: address}
	}
	servers.Need(t)
	return Kafka{Brokers: servers.Brokers()}
}

var topicNumber atomic.Int64

// topics creates an input topic, an output topic and a dead-letter topic of the test's own.
func topics(t testing.TB, k Kafka, partitions int) Options {
	t.Helper()
	name := fmt.Sprintf("t%d-%d", time.Now().UnixNano(), topicNumber.Add(1))
	o := Options{Kafka: k, Pipeline: name, Topic: name + ".in", Output: name + ".out", DeadLetters: name + ".dlq", Logger: testLog(t)}
	o.PublicCalls = strings.HasPrefix(t.Name(), "TestPublicCalls")
	o.ClientCommits = strings.HasPrefix(t.Name(), "TestClientCommits")
	for p := range partitions {
		o.Partitions = append(o.Partitions, int32(p))
	}
	ctx := within(t, 30*time.Second)
	err := EnsureTopics(ctx, k, TopicSpec{Name: o.Topic, Partitions: partitions}, TopicSpec{Name: o.Output, Partitions: partitions}, TopicSpec{Name: o.DeadLetters})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// preload sends records with keys id-0, id-1 ... to a topic.
func preload(t testing.TB, k Kafka, topic string, from, to int) {
	t.Helper()
	preloadBy(t, SenderOptions{Kafka: k, Topic: topic}, from, to)
}

func preloadBy(t testing.TB, o SenderOptions, from, to int) {
	t.Helper()
	ctx := within(t, 60*time.Second)
	s := sender(t, ctx, o)
	for id := from; id < to; id++ {
		if err := sendID(ctx, s, id); err != nil {
			t.Fatal(err)
		}
	}
	if sent, err := s.Close(ctx); err != nil || sent.Delivered != int64(to-from) {
		t.Fatalf("sent %+v: %v", sent, err)
	}
}

func sender(t testing.TB, ctx context.Context, o SenderOptions) *Sender {
	t.Helper()
	s, err := NewSender(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sendID(ctx context.Context, s *Sender, id int) error {
	return s.Send(ctx, fmt.Appendf(nil, "id-%d", id), fmt.Appendf(nil, `{"Amount":%d.5,"id":%d}`, id%7-3, id))
}

// contents reads a topic to its end, committed records only.
func contents(t testing.TB, k Kafka, topic string) []Record {
	t.Helper()
	ctx := within(t, 60*time.Second)
	r, err := NewReader(ctx, k, topic, StartEarliest())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []Record
	if err := r.ToEnd(ctx, func(rec Record) error { all = append(all, rec); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// wantOnce fails unless the topic holds the predictions of id-0 to id-(n-1), once each,
// in the order of their offsets within each input partition.
func wantOnce(t testing.TB, k Kafka, topic string, n int) {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("id-%d", i)
	}
	wantOnceEach(t, k, topic, ids)
}

// wantOnceEach is wantOnce for these ids.
func wantOnceEach(t testing.TB, k Kafka, topic string, ids []string) {
	t.Helper()
	seen := make(map[string]int, len(ids))
	last := map[int32]int64{}
	for _, r := range contents(t, k, topic) {
		p, err := score.DecodePrediction(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		seen[p.ID]++
		if before, ok := last[p.Partition]; ok && p.Offset <= before {
			t.Fatalf("partition %d: offset %d comes after %d", p.Partition, p.Offset, before)
		}
		last[p.Partition] = p.Offset
		if r.Partition != p.Partition {
			t.Fatalf("input partition %d was answered in output partition %d", p.Partition, r.Partition)
		}
	}
	lost, repeated := 0, 0
	for _, id := range ids {
		switch c := seen[id]; {
		case c == 0:
			lost++
		case c > 1:
			repeated++
		}
	}
	if lost > 0 || repeated > 0 || len(seen) != len(ids) {
		t.Fatalf("%d ids: %d lost, %d repeated, %d seen", len(ids), lost, repeated, len(seen))
	}
}

// running is a loop that runs beside the test.
type running struct {
	loop   *Loop
	stop   context.CancelFunc
	result chan outcome

	mu   sync.Mutex
	last Progress
	seen *sync.Cond
}

type outcome struct {
	Checkpoint
	err error
}

// start runs a loop until stop, or the test's end.
func start(t testing.TB, o Options, p Processor) *running {
	t.Helper()
	r := &running{result: make(chan outcome, 1)}
	r.seen = sync.NewCond(&r.mu)
	o.ProgressInterval = 20 * time.Millisecond
	o.Progress = func(p Progress) {
		r.mu.Lock()
		r.last = p
		r.mu.Unlock()
		r.seen.Broadcast()
	}
	l, err := NewLoop(o, p)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.loop, r.stop = l, cancel
	go func() {
		c, err := l.Run(ctx)
		r.result <- outcome{c, err}
	}()
	t.Cleanup(func() { cancel(); r.wait(t, 60*time.Second) })
	return r
}

// until waits for progress that satisfies ok.
func (r *running) until(t testing.TB, what string, ok func(Progress) bool) Progress {
	t.Helper()
	late := false
	timer := time.AfterFunc(90*time.Second, func() { r.mu.Lock(); late = true; r.mu.Unlock(); r.seen.Broadcast() })
	defer timer.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for !ok(r.last) {
		if late {
			t.Fatalf("waited in vain until %s; last progress %+v", what, r.last)
		}
		r.seen.Wait()
	}
	return r.last
}

// progress is the last one.
func (r *running) progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// wait answers what Run returned.
func (r *running) wait(t testing.TB, atMost time.Duration) outcome {
	t.Helper()
	select {
	case o := <-r.result:
		r.result <- o
		return o
	case <-time.After(atMost):
		t.Fatalf("the loop did not end within %s", atMost)
		return outcome{}
	}
}

func testLog(t testing.TB) *slog.Logger {
	if os.Getenv("STREAM_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})).With("test", t.Name())
}
