package stream

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"temporal-streaming/internal/record"
)

// TestCommitsOfManyRecordsAreSpaced has records come in lots, each as soon as the loop has nothing to do, and looks at how long it rests
// before it reads on.
func TestCommitsOfManyRecordsAreSpaced(t *testing.T) {
	for _, c := range []struct {
		what     string
		lots     []int
		delivery Delivery
		interval time.Duration
		batch    int
		want     []time.Duration // less what the commits took
	}{
		{"few come seldom", []int{1, 15, 3}, ExactlyOnce, 0, 0, nil},
		{"many come", []int{1, 32, 64, 1000}, ExactlyOnce, 0, 0, []time.Duration{12500 * time.Microsecond, 25 * time.Millisecond, 25 * time.Millisecond}},
		{"commits are to be rare", []int{64}, ExactlyOnce, 80 * time.Millisecond, 0, []time.Duration{80 * time.Millisecond}},
		{"no longer than orders may wait", []int{64}, ExactlyOnce, 20 * time.Second, 0, []time.Duration{100 * time.Millisecond}},
		{"results do not wait for offsets", []int{1000}, AtLeastOnce, 0, 0, nil},
		{"behind, and level in the end", []int{450}, ExactlyOnce, 0, 100, []time.Duration{25 * time.Millisecond}},
	} {
		f := newFake([]int32{0})
		l := loopOver(t, f, nil)
		l.Delivery, l.slowCommit = c.delivery, 1        // the quickest is slow
		l.Now = func() time.Time { return time.Time{} } // scoring takes no time
		if c.interval > 0 {
			l.CommitInterval = c.interval
		}
		if c.batch > 0 {
			l.MaxBatch = c.batch
		}
		var rests []time.Duration
		l.sleep = func(_ context.Context, d time.Duration) { rests = append(rests, d) }
		ctx, stop := context.WithCancel(t.Context())
		come, lots := 0, c.lots
		f.idle = func() {
			if len(lots) == 0 {
				stop()
				return
			}
			for range lots[0] {
				f.add(record.Message{Offset: int64(come), Key: fmt.Appendf(nil, "id-%d", come), Value: []byte(`{"Amount":1}`)})
				come++
			}
			lots = lots[1:]
		}
		end, err := l.Run(ctx)
		stop()
		if err != nil || end.Records != int64(come) {
			t.Errorf("%s: ended with %+v, %v", c.what, end, err)
		}
		near := func(got, want time.Duration) bool { return got > want/4 && got <= want }
		if !slices.EqualFunc(rests, c.want, near) {
			t.Errorf("%s: rests of %v, want %v and a little less each", c.what, rests, c.want)
		}
	}
}

// TestQuickCommitsAreSpacedLess: by as much of the interval as they take of what a slow one does.
func TestQuickCommitsAreSpacedLess(t *testing.T) {
	s := newSession(loopOver(t, newFake([]int32{0}), nil), nil, nil)
	s.flight.txn.Records = 1000
	for took, want := range map[time.Duration]time.Duration{
		0: 0, 5 * time.Millisecond: 10 * time.Millisecond, slowCommit: 25 * time.Millisecond, time.Second: 25 * time.Millisecond,
	} {
		if s.took = took; s.spacing() != want {
			t.Errorf("commits that take %v are %v apart, want %v", took, s.spacing(), want)
		}
	}
}

// TestWhatIsScoredForTheNextCommitIsTakenFromTheRest by a clock that goes on by 5 ms whenever it is looked at.
func TestWhatIsScoredForTheNextCommitIsTakenFromTheRest(t *testing.T) {
	f := newFake([]int32{0})
	l := loopOver(t, f, nil)
	l.slowCommit = 1
	now := time.Now()
	l.Now = func() time.Time { now = now.Add(5 * time.Millisecond); return now }
	for i := range 100 {
		f.add(record.Message{Offset: int64(i), Key: fmt.Appendf(nil, "id-%d", i), Value: []byte(`{"Amount":1}`)})
	}
	ctx, stop := context.WithCancel(t.Context())
	f.idle = stop
	var rests []time.Duration
	l.sleep = func(_ context.Context, d time.Duration) { rests = append(rests, d) }
	if end, err := l.Run(ctx); err != nil || end.Records != 100 {
		t.Errorf("ended with %+v, %v", end, err)
	}
	if len(rests) != 1 || rests[0] <= 0 || rests[0] > 20*time.Millisecond {
		t.Errorf("rests of %v, want one of 20 ms or less", rests)
	}
}

// TestALoopThatRestsHearsOfItsEnd: the rest is cut into pieces between which orders are heard, and the end of its context cuts it short.
func TestALoopThatRestsHearsOfItsEnd(t *testing.T) {
	f := newFake([]int32{0})
	l := loopOver(t, f, nil)
	l.CommitInterval, l.slowCommit = time.Minute, 1
	for i := range 100 {
		f.add(record.Message{Offset: int64(i), Key: fmt.Appendf(nil, "id-%d", i), Value: []byte(`{"Amount":1}`)})
	}
	ctx, stop := context.WithCancel(t.Context())
	f.idle = stop
	rested := false
	l.sleep = func(ctx context.Context, d time.Duration) {
		rested = true
		if d > idleWait {
			t.Errorf("rests for %v at once", d)
		}
		stop()
		if ctx.Err() == nil {
			t.Error("does not hear of its end")
		}
	}
	if end, err := l.Run(ctx); err != nil || !rested || end.Records != 100 || len(f.visible) != 100 {
		t.Errorf("ended with %+v, %v; rested %v; %d are visible", end, err, rested, len(f.visible))
	}
}
