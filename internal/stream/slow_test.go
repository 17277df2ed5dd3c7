package stream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
)

// laborious is a processor that takes its time, while more records come.
type laborious struct {
	*score.Engine
	batches []int
	takes   func(records int)
}

func (s *laborious) Process(in []record.Message, out *score.Output) {
	s.batches = append(s.batches, len(in))
	s.takes(len(in))
	s.Engine.Process(in, out)
}

// TestSlowScorerIsNoStandstill: every batch takes a second and a tenth of one for each record, and two records come a second for a
// minute; then none. So the loop falls behind, takes more at once, up to its bound, catches up, and says at no time that it is stuck.
func TestSlowScorerIsNoStandstill(t *testing.T) {
	f := newFake([]int32{0})
	clock := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	begun, come := clock, 0
	arrive := func() {
		for ; come < 120 && time.Duration(come)*time.Second/2 <= clock.Sub(begun); come++ {
			f.add(record.Message{Offset: int64(come), Timestamp: begun.UnixMilli() + int64(come)*500, Key: fmt.Appendf(nil, "id-%d", come), Value: []byte(`{"Amount":1}`)})
		}
	}
	arrive()
	const most = 16
	l := loopOver(t, f, func() time.Time { return clock })
	l.MaxBatch = most
	p := &laborious{Engine: engine(t, "in", nil), takes: func(n int) {
		clock = clock.Add(time.Second + time.Duration(n)*time.Second/10)
		arrive()
	}}
	l.orders.Processor = p
	l.sleep = func(_ context.Context, d time.Duration) { clock = clock.Add(d); arrive() }
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	f.idle = func() {
		if come == 120 {
			stop()
		}
		clock = clock.Add(100 * time.Millisecond)
		arrive()
	}
	lag := int64(0)
	l.Progress = func(p Progress) {
		lag = max(lag, p.Partitions[0].Lag)
		if p.Stuck != "" || p.Restarts > 0 || p.LastError != "" {
			t.Errorf("slow passes for stuck: %q, %d restarts, %q", p.Stuck, p.Restarts, p.LastError)
		}
	}
	c, err := l.Run(ctx)
	if err != nil || c.Records != 120 || len(f.visible) != 120 {
		t.Fatalf("ended with %+v, %v; %d are visible", c, err, len(f.visible))
	}
	largest := 0
	for _, n := range p.batches {
		largest = max(largest, n)
	}
	if p.batches[0] != 1 || largest < 3 || largest > most || lag == 0 {
		t.Errorf("batches of %v, lag %d at most; want the first alone, later ones together, none above %d", p.batches, lag, most)
	}
}

// TestConsoleThatCannotBeWrittenIsToldAndHoldsNothingUp prints to a device that is full. The predictions are committed already.
func TestConsoleThatCannotBeWrittenIsToldAndHoldsNothingUp(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("this system has no device that is always full")
	} else if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	f := newFake([]int32{0})
	for i := range 3 {
		f.add(record.Message{Offset: int64(i), Timestamp: 1, Key: fmt.Appendf(nil, "id-%d", i), Value: []byte(`{"Amount":1}`)})
	}
	l := loopOver(t, f, nil)
	l.Sink, l.Output, l.Console = SinkConsole, "", full
	log := listen(&l.Options)
	ctx, stop := context.WithCancel(t.Context())
	f.idle = stop
	c, err := l.Run(ctx)
	if err != nil || c.Records != 3 || c.Predictions != 3 || c.Aborts != 0 || f.offsets[0].next != 3 {
		t.Errorf("ended with %+v, %v; offset %d is committed", c, err, f.offsets[0].next)
	}
	if l.health.faults[FaultConsole] != 1 || !strings.Contains(l.health.lastErr, "standard output") {
		t.Errorf("faults %v, last error %q", l.health.faults, l.health.lastErr)
	}
	log.wantLine(t, FaultConsole, "standard output")
}
