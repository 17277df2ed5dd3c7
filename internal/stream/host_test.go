package stream

import (
	"context"
	"errors"
	"testing"
	"time"
)

// fakeLoop reports what it is given and ends when it is told to.
type fakeLoop struct {
	hooks    Hooks
	progress chan Progress
	fail     chan error
}

func (f *fakeLoop) Run(ctx context.Context) (Checkpoint, error) {
	for {
		select {
		case p := <-f.progress:
			f.hooks.Progress(p)
		case err := <-f.fail:
			return Checkpoint{}, err
		case <-ctx.Done():
			return Checkpoint{Partitions: []Position{{Partition: 0, Next: 42}}, Counts: Counts{Records: 42}}, nil
		}
	}
}

func (f *fakeLoop) Obey(_ context.Context, o Orders) (Receipt, error) {
	return Receipt{Generation: o.Generation}, nil
}

func (f *fakeLoop) Stand(ctx context.Context) (Receipt, error) {
	<-ctx.Done() // recovering
	return Receipt{}, ctx.Err()
}

func (f *fakeLoop) InHand() (Batch, bool) { return Batch{}, false }

func launcher(started *int, last **fakeLoop) func(Hooks) (Runner, error) {
	return func(h Hooks) (Runner, error) {
		*started++
		*last = &fakeLoop{hooks: h, progress: make(chan Progress), fail: make(chan error)}
		return *last, nil
	}
}

func attach(t *testing.T, h *Host, lasts time.Duration, wants string, launch func(Hooks) (Runner, error)) *Session {
	t.Helper()
	s, err := h.Attach(t.Context(), Attachment{
		Key: "creditcard/0", Wants: wants, Lasts: lasts, Launch: launch,
		Owner: func(context.Context) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNextSessionAdoptsTheRunningLoop(t *testing.T) {
	h, started, loop := NewHost(time.Minute), 0, (*fakeLoop)(nil)
	first := attach(t, h, time.Millisecond, "model 1", launcher(&started, &loop))
	if outcome, _, _ := first.Wait(t.Context(), func(Progress) {}); outcome != BudgetSpent {
		t.Fatalf("first session ended as %d, want BudgetSpent", outcome)
	}
	second := attach(t, h, time.Minute, "model 1", launcher(&started, &loop))
	if started != 1 {
		t.Fatalf("%d loops were started, want 1", started)
	}
	loop.progress <- Progress{Counts: Counts{Records: 7}, At: time.Unix(1, 0)}
	if p := <-second.Updates; p.Records != 7 {
		t.Errorf("the adopting session saw %d records, want 7", p.Records)
	}
	if _, err := h.Drain(t.Context(), "creditcard/0"); err != nil {
		t.Fatal(err)
	}
	outcome, p, err := second.Wait(t.Context(), func(Progress) {})
	if outcome != LoopEnded || err != nil || p.Partitions[0].Next != 42 {
		t.Errorf("after the drain: outcome %d, next %v, err %v", outcome, p.Partitions, err)
	}
}

func TestAnotherModelNeedsAnotherLoop(t *testing.T) {
	h, started, loop := NewHost(time.Minute), 0, (*fakeLoop)(nil)
	first := attach(t, h, time.Minute, "model 1", launcher(&started, &loop))
	attach(t, h, time.Minute, "model 2", launcher(&started, &loop))
	if started != 2 {
		t.Fatalf("%d loops were started, want 2", started)
	}
	if outcome, _, err := first.Wait(t.Context(), func(Progress) {}); outcome != LoopEnded || err != nil {
		t.Errorf("the first session ended as %d, %v; want LoopEnded without an error", outcome, err)
	}
}

func TestLostDriverLeavesTheLoopRunning(t *testing.T) {
	h, started, loop := NewHost(time.Minute), 0, (*fakeLoop)(nil)
	s := attach(t, h, time.Minute, "", launcher(&started, &loop))
	lost := errors.New("temporal cannot be reached")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(lost)
	if outcome, _, err := s.Wait(ctx, func(Progress) {}); outcome != DriverStopped || !errors.Is(err, lost) {
		t.Fatalf("outcome %d, %v; want DriverStopped with its cause", outcome, err)
	}
	if loop.hooks.StillOwner(t.Context()) {
		t.Error("a loop that nobody drives says that it still owns its shard")
	}
	loop.progress <- Progress{At: time.Unix(1, 0)} // blocks for ever if the loop has ended
	attach(t, h, time.Minute, "", launcher(&started, &loop))
	if started != 1 || !loop.hooks.StillOwner(t.Context()) {
		t.Errorf("%d loops, owner %v; want the one loop, owned", started, loop.hooks.StillOwner(t.Context()))
	}
}

func TestAbandonedLoopEndsByItself(t *testing.T) {
	h, started, loop := NewHost(0), 0, (*fakeLoop)(nil)
	s := attach(t, h, time.Millisecond, "", launcher(&started, &loop))
	<-s.loop.done
	if _, err := h.Drain(t.Context(), "creditcard/0"); !errors.Is(err, ErrNoLoop) {
		t.Errorf("got %v, want ErrNoLoop", err)
	}
}

func TestFailedLoopEndsItsSession(t *testing.T) {
	h, started, loop := NewHost(time.Minute), 0, (*fakeLoop)(nil)
	s := attach(t, h, time.Minute, "", launcher(&started, &loop))
	loop.fail <- ErrFenced
	if outcome, _, err := s.Wait(t.Context(), func(Progress) {}); outcome != LoopEnded || !errors.Is(err, ErrFenced) {
		t.Errorf("outcome %d, %v; want LoopEnded with ErrFenced", outcome, err)
	}
}

func TestSlowDriverDoesNotHoldTheLoopUp(t *testing.T) {
	h, started, loop := NewHost(time.Minute), 0, (*fakeLoop)(nil)
	s := attach(t, h, time.Minute, "", launcher(&started, &loop))
	for i := range 10 {
		loop.hooks.Progress(Progress{Counts: Counts{Records: int64(i)}, At: time.Unix(1, 0)}) // blocks for ever if it waits for a reader
	}
	if err := h.Detach("creditcard/0"); err != nil {
		t.Fatal(err)
	}
	if outcome, p, _ := s.Wait(t.Context(), func(Progress) {}); outcome != SessionEnded || p.Records != 9 {
		t.Errorf("outcome %d at record %d, want SessionEnded at 9", outcome, p.Records)
	}
}

func TestSlowLaunchHoldsUpNobodyElse(t *testing.T) {
	h, started, loop := NewHost(time.Minute), 0, (*fakeLoop)(nil)
	making, made := make(chan struct{}), make(chan struct{})
	slow := make(chan error, 1)
	go func() {
		_, err := h.Attach(t.Context(), Attachment{Key: "other", Lasts: time.Minute, Launch: func(Hooks) (Runner, error) {
			close(making)
			<-made
			return nil, errors.New("no model")
		}})
		slow <- err
	}()
	<-making
	attach(t, h, time.Minute, "", launcher(&started, &loop))
	if _, err := h.Drain(t.Context(), "creditcard/0"); err != nil {
		t.Fatal(err)
	}
	close(made)
	if err := <-slow; err == nil {
		t.Error("a launch that failed attached to something")
	}
}

func TestOfTwoLaunchesOfAShardOneRuns(t *testing.T) {
	h, started, loop := NewHost(time.Minute), 0, (*fakeLoop)(nil)
	making, made := make(chan struct{}), make(chan struct{})
	second := make(chan *Session, 1)
	go func() {
		s, err := h.Attach(t.Context(), Attachment{Key: "creditcard/0", Lasts: time.Minute, Launch: func(Hooks) (Runner, error) {
			close(making)
			<-made
			return &fakeLoop{}, nil // to be dropped
		}})
		if err != nil {
			t.Error(err)
		}
		second <- s
	}()
	<-making
	first := attach(t, h, time.Minute, "", launcher(&started, &loop))
	close(made)
	s := <-second
	if outcome, _, _ := first.Wait(t.Context(), func(Progress) {}); outcome != SessionEnded {
		t.Errorf("the first session ended as %d, want SessionEnded", outcome)
	}
	loop.progress <- Progress{Counts: Counts{Records: 7}, At: time.Unix(1, 0)}
	if p := <-s.Updates; p.Records != 7 {
		t.Errorf("the second session saw %d records, want 7 of the loop that runs", p.Records)
	}
}

func TestStuckLoopIsReplaced(t *testing.T) {
	h, started, loop := NewHost(time.Minute), 0, (*fakeLoop)(nil)
	first := attach(t, h, time.Minute, "", launcher(&started, &loop))
	stuck := first.loop
	stuck.mu.Lock()
	stuck.heard = time.Now().Add(-2 * StuckAfter)
	stuck.mu.Unlock()
	if outcome, p, err := first.Wait(t.Context(), func(Progress) {}); outcome != LoopStuck || p.Stuck == "" || !errors.Is(err, ErrStuck) {
		t.Errorf("the stuck loop's session ended as %d, %q, %v; want LoopStuck and why", outcome, p.Stuck, err)
	}
	attach(t, h, time.Minute, "", launcher(&started, &loop))
	if started != 2 {
		t.Fatalf("%d loops were started, want a second one beside the stuck one", started)
	}
	<-stuck.done // it woke up, and has ended
	if !h.Runs("creditcard/0") {
		t.Error("the end of the stuck loop took its successor out of the books")
	}
}

func TestQuestionEndsWithTheLoop(t *testing.T) {
	h, started, loop := NewHost(time.Minute), 0, (*fakeLoop)(nil)
	attach(t, h, time.Minute, "", launcher(&started, &loop))
	if r, err := h.Obey(t.Context(), "creditcard/0", Orders{Generation: 3}); err != nil || r.Generation != 3 {
		t.Errorf("got %+v, %v", r, err)
	}
	answered := make(chan error, 1)
	go func() {
		_, err := h.Stand(t.Context(), "creditcard/0")
		answered <- err
	}()
	loop.fail <- ErrFenced
	if err := <-answered; !errors.Is(err, ErrNoLoop) {
		t.Errorf("a question to a loop that has ended: %v, want ErrNoLoop", err)
	}
}

func TestCloseDrainsEveryLoop(t *testing.T) {
	h, started, loop := NewHost(time.Minute), 0, (*fakeLoop)(nil)
	s := attach(t, h, time.Minute, "", launcher(&started, &loop))
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if outcome, _, err := s.Wait(t.Context(), func(Progress) {}); outcome != LoopEnded || err != nil {
		t.Errorf("outcome %d, %v; want LoopEnded", outcome, err)
	}
}
