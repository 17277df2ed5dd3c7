package main

import "testing"

func TestWhatIsSentAfterTheWarmUpCounts(t *testing.T) {
	warm := make(chan struct{})
	c := newCounting(3, warm)
	n := int64(0)
	for ; n < 5; n++ {
		if !c.more(n) || c.counts(n) {
			t.Fatalf("message %d of the warm-up: sent %v, counts %v", n, c.more(n), c.counts(n))
		}
	}
	close(warm)
	for ; c.more(n); n++ {
		if !c.counts(n) {
			t.Errorf("message %d does not count", n)
		}
	}
	if n != 8 || c.counts(4) || c.first.Load() != 5 || c.total.Load() != 8 {
		t.Errorf("ended at %d; the first that counts is %d of %d", n, c.first.Load(), c.total.Load())
	}
}
