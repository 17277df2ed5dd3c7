package model

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// machine is what networks are computed on: a kernel, and the cores, which the networks that are trained side by side have among them.
type machine struct {
	*kernel
	networks atomic.Int32 // side by side
}

// share calls f for 0..n-1 in chunks of the given size, on as many cores as the network has for itself. Which core takes which chunk is
// chance: what f computes for an item must depend on the item alone.
func (m *machine) share(n, chunk int, f func(from, to int)) {
	chunks := (n + chunk - 1) / chunk
	cores := runtime.GOMAXPROCS(0) / max(1, int(m.networks.Load()))
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
	for range min(cores, chunks) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
}
