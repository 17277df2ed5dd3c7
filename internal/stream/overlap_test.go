package stream

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// slow is a wire whose commits return only after the batch behind them has been scored. A
// loop that does not score while it commits would wait for ever.
type slow struct {
	mu       sync.Mutex
	scored   *sync.Cond
	batches  int // that were scored
	sent     int // batches
	next     int64
	position int64
	calls    []string
	fail     int // the number of the commit that fails
	commits  int
}

const (
	slowBatch   = 10
	slowBatches = 4
)

func (w *slow) say(format string, args ...any) {
	w.calls = append(w.calls, fmt.Sprintf(format, args...))
}

func (w *slow) Process(in []record.Message, out *score.Output) {
	out.Reset() // without results all become dead letters, which is as good
	w.mu.Lock()
	defer w.mu.Unlock()
	w.batches++
	w.scored.Broadcast()
}

func (w *slow) overlaps() bool { return true }

func (w *slow) dial(limits) (source, sink, error) {
	w.batches = w.sent
	return slowSource{w}, slowSink{slow: w}, nil
}

type slowSource struct{ *slow }

func (s slowSource) unstable(context.Context) ([]mark, error)                      { return nil, nil }
func (s slowSource) results(context.Context, []int64, int64) ([]lastResult, error) { return nil, nil }
func (s slowSource) holds(context.Context, int32, lastResult) (bool, error)        { return false, nil }

func (s slowSource) committed(context.Context) ([]mark, error) {
	return []mark{{next: s.next}}, nil
}
func (s slowSource) bounds(context.Context) (first, end []int64, err error) {
	return []int64{0}, []int64{slowBatch * slowBatches}, nil
}
func (s slowSource) since(context.Context, time.Time) ([]int64, error) { return nil, nil }
func (s slowSource) assign(next []int64) error                         { s.position = next[0]; return nil }
func (s slowSource) end(int32) int64                                   { return slowBatch * slowBatches }
func (s slowSource) close()                                            {}

func (s slowSource) poll(in []record.Message, _, _ int, _ time.Duration) ([]record.Message, error) {
	for range slowBatch {
		if s.position < slowBatch*slowBatches {
			in = append(in, record.Message{Offset: s.position})
			s.position++
		}
	}
	return in, nil
}

type slowSink struct {
	*slow
	blackHole
}

func (s slowSink) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say("begin")
	return nil
}

func (s slowSink) send(_ context.Context, records []outgoing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	s.say("send %d", len(records))
	return nil
}

func (s slowSink) commit(_ context.Context, next []int64, _ []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.batches < min(s.sent+1, slowBatches) {
		s.scored.Wait()
	}
	if s.commits++; s.commits == s.fail {
		s.sent--
		s.say("commit %d fails", next[0])
		return kafka.NewError(kafka.ErrTransport, "", false)
	}
	s.say("commit %d", next[0])
	s.next = next[0]
	return nil
}

func (s slowSink) abort(context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say("abort")
}
func (s slowSink) init(context.Context) error { return nil }
func (s slowSink) close()                     {}

func TestNextBatchIsScoredWhileACommitIsOnItsWay(t *testing.T) {
	for name, test := range map[string]struct {
		fail int
		want []string
	}{
		"all goes well": {0, []string{
			"begin", "send 10", "commit 10",
			"begin", "send 10", "commit 20",
			"begin", "send 10", "commit 30",
			"begin", "send 10", "commit 40",
		}},
		"a commit fails": {2, []string{
			"begin", "send 10", "commit 10",
			"begin", "send 10", "commit 20 fails", "abort",
			"begin", "send 10", "commit 20", // what was scored meanwhile was not sent, and is read again
			"begin", "send 10", "commit 30",
			"begin", "send 10", "commit 40",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &slow{fail: test.fail}
			w.scored = sync.NewCond(&w.mu)
			runOverlapping(t, w, w)
			if !slices.Equal(w.calls, test.want) {
				t.Errorf("calls\n%q, want\n%q", w.calls, test.want)
			}
		})
	}
}

// runOverlapping runs a loop over a slow wire until everything is committed.
func runOverlapping(t *testing.T, w wire, p Processor) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	clock := time.Unix(1e9, 0)
	l, err := NewLoop(Options{
		Kafka: Kafka{Brokers: "memory"}, Pipeline: "p", Topic: "in", Output: "out", Partitions: []int32{0}, MaxBatch: slowBatch,
		Now:              func() time.Time { clock = clock.Add(time.Minute); return clock }, // a commit is always due
		ProgressInterval: time.Millisecond,
		StillOwner:       func(context.Context) bool { return true },
		Progress: func(p Progress) {
			if p.Partitions[0].Next == slowBatch*slowBatches {
				stop()
			}
		},
	}, p)
	if err != nil {
		t.Fatal(err)
	}
	l.wire = w
	l.sleep = func(context.Context, time.Duration) {}
	if c, err := l.Run(ctx); err != nil || c.DeadLetters != slowBatch*slowBatches {
		t.Fatalf("ended with %+v, %v", c, err)
	}
}
