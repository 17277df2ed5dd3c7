package stream

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
)

// hanging is a processor that does not come back from one record.
type hanging struct {
	*score.Engine
	reached, release chan struct{}
}

func (h *hanging) Process(in []record.Message, out *score.Output) {
	for i := range in {
		if string(in[i].Key) == "hang" {
			close(h.reached)
			<-h.release
		}
	}
	h.Engine.Process(in, out)
}

func TestLoopThatHangsInItsProcessorTellsWhatItHasInHand(t *testing.T) {
	f := newFake([]int32{0})
	for i, key := range []string{"a", "b", "hang", "c"} {
		f.log[0] = append(f.log[0], record.Message{Offset: int64(i), Timestamp: 1, Key: []byte(key), Value: []byte(`{"Amount":1}`)})
	}
	l := loopOver(t, f, nil)
	l.MaxBatch = 2
	h := &hanging{Engine: engine(t, "in", nil), reached: make(chan struct{}), release: make(chan struct{})}
	l.orders.Processor = h
	ctx, stop := context.WithCancel(t.Context())
	f.idle = stop
	ended := make(chan outcome, 1)
	go func() {
		c, err := l.Run(ctx)
		ended <- outcome{c, err}
	}()
	<-h.reached
	b, holds := l.InHand()
	if !holds || !b.Scoring || b.Partition != 0 || b.Offset != 2 || b.Records != 2 {
		t.Errorf("in hand %+v, %v; want offsets 2 and 3", b, holds)
	}
	p := Silent(Progress{Counts: Counts{Records: 2}, BatchAge: time.Second}, b, holds, StuckAfter)
	if p.Records != 2 || p.BatchAge != StuckAfter+time.Second || p.Faults[FaultStuck] != 1 || !strings.Contains(p.Stuck, "2 records from partition 0, offset 2") || p.LastError != p.Stuck {
		t.Errorf("told of the silence: %+v", p)
	}
	close(h.release)
	if got := <-ended; got.err != nil || got.Records != 4 {
		t.Errorf("ended with %+v", got)
	}
	if b, holds := l.InHand(); holds {
		t.Errorf("after the end there is %+v in hand", b)
	}
}

// TestStalledLoopSaysSoAndReplacesItsClients: a consumer that yields nothing though records wait.
func TestStalledLoopSaysSoAndReplacesItsClients(t *testing.T) {
	f := newFake([]int32{0})
	f.log[0] = append(f.log[0], record.Message{Offset: 0, Timestamp: 1, Key: []byte("a"), Value: []byte(`{"Amount":1}`)})
	f.seized = true
	clock := time.Now()
	l := loopOver(t, f, func() time.Time { clock = clock.Add(time.Second); return clock })
	stuck := 0
	ctx, stop := context.WithCancel(t.Context())
	f.idle = stop
	l.sleep = func(context.Context, time.Duration) {}
	l.Progress = func(p Progress) {
		if p.Stuck != "" {
			stuck++
		}
		if p.Restarts > 0 {
			f.seized = false // a new pair of clients works
		}
		if p.Records > 0 && p.Stuck != "" {
			t.Errorf("it got on, and still says: %s", p.Stuck)
		}
	}
	c, err := l.Run(ctx)
	if err != nil || c.Records != 1 {
		t.Fatalf("ended with %+v, %v", c, err)
	}
	if stuck == 0 || l.health.faults[FaultStuck] != 1 || l.health.restarts != 1 {
		t.Errorf("said %d times that it is stuck; faults %v, %d restarts", stuck, l.health.faults, l.health.restarts)
	}
	if !strings.Contains(l.health.lastErr, "1 records wait and none was committed") {
		t.Errorf("last error is %q", l.health.lastErr)
	}
}

func TestWaitingOnPurposeIsNoStall(t *testing.T) {
	for name, o := range map[string]Orders{"paused": {Paused: true}, "limited": {PerSecond: .001}, "nothing to read": {}} {
		l := loopOver(t, newFake([]int32{0}), nil)
		l.orders, l.next, l.ends = o, []int64{5}, []int64{9}
		if name == "nothing to read" {
			l.seen(&statistics{
				Type: "consumer", Brokers: map[string]brokerStatistics{"b": {State: "UP"}},
				Topics: map[string]topicStatistics{"in": {Partitions: map[string]partitionStatistics{"0": {Next: 9, Stable: 9}}}},
			}) // 5 to 8 are marks of transactions
		}
		if err := watch(l); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	l := loopOver(t, newFake([]int32{0}), nil)
	l.next, l.ends = []int64{5}, []int64{9}
	if err := watch(l); !errors.Is(err, ErrStuck) {
		t.Errorf("four records wait: %v, want ErrStuck", err)
	}
}

// watch looks at a loop once a second for a minute.
func watch(l *Loop) (err error) {
	for at := range 60 {
		err = errors.Join(err, l.stall(time.Unix(int64(at), 0)))
	}
	return err
}
