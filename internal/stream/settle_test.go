package stream

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestFewCommitsAreRefused plays a broker that needs its time for the markers, and refuses
// the partitions of a transaction that begins before.
func TestFewCommitsAreRefused(t *testing.T) {
	for _, needs := range []time.Duration{300 * time.Microsecond, time.Millisecond, 3 * time.Millisecond} {
		s := settling{wait: settleFirst}
		refused, waited := 0, time.Duration(0)
		const commits = 20000
		for range commits {
			waited += s.wait
			if s.wait < needs {
				refused++
				s.committed(4*time.Millisecond, 21*time.Millisecond)
			} else {
				s.committed(2*time.Millisecond, 3*time.Millisecond)
			}
		}
		if mean := waited / commits; refused > commits/100 || mean > 2*needs || s.wait > settleMost || s.wait < settleLeast {
			t.Errorf("markers take %v: %d of %d commits refused, waited %v on average", needs, refused, commits, mean)
		}
	}
}

func TestABusyMachineTeachesNothing(t *testing.T) {
	s := settling{wait: settleFirst}
	for range 1000 {
		s.committed(quickOffsets+1, time.Second)
	}
	if s.wait != settleFirst {
		t.Errorf("waits %v, began with %v", s.wait, settleFirst)
	}
}

// TestOneSmallTransactionInFiveIsRefused plays brokers whose markers take some time, more or less, after which a transaction is let in.
func TestOneSmallTransactionInFiveIsRefused(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, test := range []struct {
		needs, spread time.Duration
		refused       float64 // of all, about
		least, most   time.Duration
	}{
		{100 * time.Microsecond, 200 * time.Microsecond, 0, soonLeast, soonLeast},
		{500 * time.Microsecond, time.Millisecond, .2, time.Millisecond, 1450 * time.Microsecond},
		{3 * time.Millisecond, time.Millisecond, 1, soonMost - soonLonger, soonMost},
	} {
		s := settling{soon: soonLeast}
		refused, sum := 0, time.Duration(0)
		const commits = 20000
		for range commits {
			times := 1
			if s.soon < test.needs+time.Duration(random.Int64N(int64(test.spread))) {
				times, refused = 2, refused+1
			}
			s.asked(times)
			sum += s.soon
		}
		if mean, share := sum/commits, float64(refused)/commits; math.Abs(share-test.refused) > .02 || mean < test.least || mean > test.most {
			t.Errorf("markers take %v and up to %v more: %.3f refused, %v on average", test.needs, test.spread, share, mean)
		}
	}
}
