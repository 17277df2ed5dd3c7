package model

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// share calls f for 0..n-1 in chunks of the given size, on all cores. Which core takes which chunk is chance: what f computes for an item
// must depend on the item alone.
func share(n, chunk int, f func(from, to int)) {
	chunks := (n + chunk - 1) / chunk
	var next atomic.Int64
	work := func() {
		for {
			c := int(next.Add(1)) - 1
			if c >= chunks {
				return
			}
			f(c*chunk, min((c+1)*chunk, n))
		}
	}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), chunks) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
}
