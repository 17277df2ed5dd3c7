package stream

import (
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
