package main

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// following is a follower that began at unix time 0 and has seen what is entered.
func following() *follower {
	return &follower{begun: time.Unix(0, 0), seen: map[int32][]arrival{}, done: make(chan struct{})}
}

func second(s float64) time.Time { return time.Unix(0, int64(s*1e9)).UTC() }

// arrive enters a prediction of a message of one moment, scored at another, at a third.
func (f *follower) arrive(partition int32, event, scored, at float64) {
	f.enter(second(at), partition, fmt.Appendf(nil, `{"id":"x","source_id":1,"partition":%d,"offset":1,"event_time":%q,"scored_at":%q}`,
		partition, second(event).Format(time.RFC3339Nano), second(scored).Format(time.RFC3339Nano)))
}

func TestSilenceCountsFromTheFaultToTheNextOutput(t *testing.T) {
	f := following()
	for _, at := range []float64{1, 1.9, 2.05, 3.5, 3.6, 9} {
		f.arrive(0, at, at, at)
	}
	for _, it := range []struct{ from, until, want float64 }{
		{2, 3.55, 1.45}, // what the dead worker had committed still arrives at 2.05
		{3.55, 8.9, 5.4},
		{2.1, 3, 1.4},  // the silence outlasts the next fault
		{1, 1.95, 0.9}, // and what is later is not counted
	} {
		if got := f.silence([]int32{0}, second(it.from), second(it.until)).Seconds(); math.Abs(got-it.want) > 1e-6 {
			t.Errorf("from %v until %v: %v, want %v", it.from, it.until, got, it.want)
		}
	}
	if got := f.silence([]int32{0}, second(9.5), second(20)); got < time.Hour {
		t.Errorf("a partition that is silent to this day was silent for %v", got)
	}
	if got := f.silence([]int32{0, 1}, second(2), second(3)); got < time.Hour {
		t.Errorf("a partition that was never heard of was silent for %v", got)
	}
}

func TestOutputOfADeadWorkerIsNotNew(t *testing.T) {
	f := following()
	f.arrive(0, 1, 1, 1)
	f.arrive(1, 1, 1, 1)
	kill := second(2)
	f.arrive(0, 1.9, 1.95, 2.1) // scored before the kill, committed, and seen after it
	f.arrive(1, 1.9, 2.5, 2.6)
	if at, all := f.renewed([]int32{0, 1}, kill); all {
		t.Errorf("partition 0 is said to be renewed at %v", at)
	}
	f.arrive(0, 1.95, 2.7, 2.8)
	at, all := f.renewed([]int32{0, 1}, kill)
	if !all || !at[0].Equal(second(2.8)) || !at[1].Equal(second(2.6)) {
		t.Errorf("renewed at %v, %v", at, all)
	}
}

func TestPartitionHasCaughtUpWhenItAnswersALaterMessage(t *testing.T) {
	f := following()
	f.arrive(0, 5, 6, 6)
	f.arrive(1, 3, 6, 6)
	if !f.caughtUp([]int32{0}, second(4)) || f.caughtUp([]int32{0, 1}, second(4)) || f.caughtUp([]int32{2}, second(4)) {
		t.Error("partition 0 has caught up with second 4, partition 1 has not, partition 2 was never heard of")
	}
}
