package stream

import (
	"context"
	"errors"
	"testing"
	"time"
)

// hangingLoop hangs, whatever it is told, until it is let go.
type hangingLoop struct {
	fakeLoop
	letGo chan struct{}
}

func (f *hangingLoop) Run(context.Context) (Checkpoint, error) {
	<-f.letGo
	return Checkpoint{}, ErrFenced
}

// hang starts a loop that hangs, and lets its session give it up.
func hang(t *testing.T, h *Host) *hangingLoop {
	t.Helper()
	f := &hangingLoop{letGo: make(chan struct{})}
	s := attach(t, h, time.Minute, "", func(Hooks) (Runner, error) { return f, nil })
	s.loop.mu.Lock()
	s.loop.heard = time.Now().Add(-2 * StuckAfter)
	s.loop.mu.Unlock()
	if outcome, _, err := s.Wait(t.Context(), func(Progress) {}); outcome != LoopStuck || !errors.Is(err, ErrStuck) {
		t.Fatalf("a loop that hangs: its session ended as %d, %v; want LoopStuck", outcome, err)
	}
	return f
}

func TestFourthLoopIsNotStartedWhileThreeHang(t *testing.T) {
	h := NewHost(time.Minute)
	hanging := []*hangingLoop{hang(t, h), hang(t, h), hang(t, h)}
	fourth := func(key string) (launched bool, err error) {
		_, err = h.Attach(t.Context(), Attachment{Key: key, Lasts: time.Minute, Launch: func(hooks Hooks) (Runner, error) {
			launched = true
			return &fakeLoop{hooks: hooks}, nil
		}})
		return launched, err
	}
	if launched, err := fourth("creditcard/0"); launched || !errors.Is(err, ErrStuck) || h.Runs("creditcard/0") {
		t.Fatalf("three loops of the shard hang: launched %v, %v; want ErrStuck and no fourth", launched, err)
	}
	if launched, err := fourth("creditcard/1"); !launched || err != nil {
		t.Errorf("another shard: launched %v, %v", launched, err)
	}
	close(hanging[1].letGo) // it wakes up, learns that it was fenced, and ends
	for h.hangs("creditcard/0") == mostHanging {
		if t.Context().Err() != nil {
			t.Fatal("the loop that woke up is still counted")
		}
		time.Sleep(time.Millisecond)
	}
	if launched, err := fourth("creditcard/0"); !launched || err != nil || !h.Runs("creditcard/0") {
		t.Errorf("two hang: launched %v, %v; want a loop", launched, err)
	}
	close(hanging[0].letGo)
	close(hanging[2].letGo)
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
