package stream

import "time"

// settling is how long after a commit the next transaction begins at the earliest. The broker
// answers a commit before it has written the markers, and refuses the next transaction's
// partitions until it has; the client then waits 20 ms before it asks again. Records that
// come meanwhile wait in the consumer's queue, so they lose no more than the wait.
//
// How long the markers take depends on the machine, so the wait is learned. The offsets are
// refused for the same reason, but asked for again after 2 ms: once they are in, nothing
// holds the partitions up any more but the client's 20 ms. A commit that is long after quick
// offsets was therefore refused, and doubles the wait; every other one makes it a little
// shorter, so that it ends up just above what is needed. Where offsets are slow, too, the
// machine is busy, and nothing is learned.
type settling struct {
	wait time.Duration
	from time.Time // when the last commit returned
}

const (
	settleLeast   = 250 * time.Microsecond
	settleFirst   = time.Millisecond
	settleMost    = 6 * time.Millisecond
	settleShorter = 256 // commits that shorten the wait to a third

	quickOffsets  = 8 * time.Millisecond
	refusedCommit = 15 * time.Millisecond // after the offsets
)

func (s *settling) pause() {
	if early := s.wait - time.Since(s.from); early > 0 {
		time.Sleep(early)
	}
}

// committed notes that a commit has returned: how long its offsets took, and the rest.
func (s *settling) committed(offsets, rest time.Duration) {
	s.from = time.Now()
	switch {
	case offsets > quickOffsets:
	case rest >= refusedCommit:
		s.wait = min(2*s.wait, settleMost)
	default:
		s.wait = max(s.wait-s.wait/settleShorter, settleLeast)
	}
}
