package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/record"
)

// Whatever fails, and whenever snapshots are taken, each record is answered once, and its answer
// tells of all the records before it, once each.
func TestHistoryIsThatOfTheLogWhateverFails(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 5))
		f := newFake([]int32{0, 1, 2})
		for range 20 + r.IntN(120) {
			p := int32(r.IntN(3))
			value := fmt.Sprint(r.IntN(1000))
			if r.IntN(40) == 0 {
				value = "panic"
			}
			f.add(record.Message{Partition: p, Offset: int64(len(f.log[p])), Key: fmt.Append(nil, p), Value: []byte(value)})
		}
		for _, call := range []string{"commit", "send", "poll", "init", "begin", "committed"} {
			for range r.IntN(12) {
				f.faults[call] = append(f.faults[call], []string{"-", "-", "transport"}[r.IntN(3)])
			}
		}
		h := newShelf(r.IntN(5))
		h.fail = r.IntN(3)
		l, _, ctx := remembering(t, f, h, 1+r.IntN(20))
		if _, err := l.Run(ctx); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		compare(t, f, expected(f, 0))
		if t.Failed() {
			t.Fatalf("seed %d, faults %v, loads:\n%s\n%s", seed, f.faults, strings.Join(h.log, "\n"), f.transcript.String())
		}
	}
}

// A successor knows nothing but the snapshots and the log.
func TestSuccessorGoesOnFromSnapshotAndLog(t *testing.T) {
	f := newFake([]int32{0, 1})
	add := func(n int) {
		for i := range n {
			p := int32(i % 2)
			f.add(record.Message{Partition: p, Offset: int64(len(f.log[p])), Key: []byte("k"), Value: fmt.Append(nil, i)})
		}
	}
	add(100)
	h := newShelf(3)
	l, _, ctx := remembering(t, f, h, 7)
	if _, err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	for p := range h.taken { // the newest is torn, and what was read before it deleted but for the last ones
		h.taken[p] = h.taken[p][:len(h.taken[p])-1]
	}
	f.first = 10
	add(60)
	l, c, ctx := remembering(t, f, h, 7)
	if _, err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	f.first = 0
	compare(t, f, expected(f, 0))
	if c.absorbed == 0 || c.absorbed > 60 {
		t.Errorf("%d records were absorbed; want some, and not all", c.absorbed)
	}
}

func TestLostHistoryEndsTheLoop(t *testing.T) {
	f := newFake([]int32{0})
	for i := range 30 {
		f.add(record.Message{Offset: int64(i), Key: []byte("k"), Value: []byte("1")})
	}
	h := newShelf(0)
	l, _, ctx := remembering(t, f, h, 7)
	if _, err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	f.first = 10
	l, _, ctx = remembering(t, f, h, 7)
	c, err := l.Run(ctx)
	if !errors.Is(err, ErrHistoryLost) || len(f.visible) != 30 {
		t.Fatalf("Run answered %+v, %v; want ErrHistoryLost, and nothing scored", c, err)
	}
	if got := faultOf(err); got != FaultHistoryLost {
		t.Errorf("the fault is %s", got)
	}
}

// A session that ends between two transactions leaves a history that is still true.
func TestHistoryThatIsStillTrueIsNotLoadedAgain(t *testing.T) {
	f := newFake([]int32{0})
	for i := range 19 {
		f.add(record.Message{Offset: int64(i), Key: []byte("k"), Value: fmt.Append(nil, i)})
	}
	f.faults["poll"] = []string{"-", "-", "transport"}
	h := newShelf(0)
	l, c, ctx := remembering(t, f, h, 10)
	if _, err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	compare(t, f, expected(f, 0))
	if len(h.log) != 2 || c.absorbed != 0 || strings.Count(f.transcript.String(), "dial") != 2 {
		t.Errorf("loads %v, %d absorbed; want one load in two sessions, and a close\n%s", h.log, c.absorbed, f.transcript.String())
	}
}

// What begins at the end of the log knows nothing of what is before.
func TestHistoryBeginsWhereTheStreamBegins(t *testing.T) {
	f := newFake([]int32{0})
	for i := range 20 {
		f.add(record.Message{Offset: int64(i), Key: []byte("k"), Value: fmt.Append(nil, i), Timestamp: int64(i) * 1000})
	}
	f.faults["commit"] = []string{"-", "transport", "transport"} // the first commits the start
	l, _, ctx := remembering(t, f, newShelf(2), 4)
	l.Start = StartAt(time.UnixMilli(8000))
	if _, err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	compare(t, f, expected(f, 8))
}

func TestNewProcessorInheritsOrIsRefused(t *testing.T) {
	f := newFake([]int32{0})
	l, _, ctx := remembering(t, f, newShelf(0), 4)
	ctx, cancel := context.WithCancel(ctx)
	idle := make(chan struct{}, 1)
	f.idle = func() {
		select {
		case idle <- struct{}{}:
		default:
		}
	}
	add := func(n int) {
		for range n {
			o := int64(len(f.records(0)))
			f.add(record.Message{Offset: o, Key: []byte("k"), Value: fmt.Append(nil, o)})
		}
	}
	add(9)
	end := make(chan error, 1)
	go func() { _, err := l.Run(ctx); end <- err }()
	<-idle
	if _, err := l.Obey(ctx, Orders{Generation: 1, Processor: stamper{}}); err == nil {
		t.Error("a processor that cannot inherit was taken")
	}
	if _, err := l.Obey(ctx, Orders{Generation: 2, Processor: &chain{}}); err != nil {
		t.Fatal(err)
	}
	add(9)
	for drained := 0; drained < 3; drained++ {
		<-idle
	}
	cancel()
	if err := <-end; err != nil {
		t.Fatal(err)
	}
	compare(t, f, expected(f, 0))
}
