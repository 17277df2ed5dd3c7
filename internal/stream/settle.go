package stream

import "time"

// settling is how long after a commit the next transaction begins at the earliest. The broker
// answers a commit before it has written the markers, and refuses the next transaction's
// partitions until it has; the client then waits 20 ms before it asks again. Records that
// come meanwhile wait in the consumer's queue, so they lose no more than the wait.
//
// How long the markers take depends on the machine. A commit that took so long that it was
// probably refused at first doubles the wait; each one that was not makes it a little
// shorter, so that it ends up just above what is needed and few commits are refused.
type settling struct {
	wait time.Duration
	from time.Time // when the last commit returned
}

const (
	settleLeast   = 250 * time.Microsecond
	settleFirst   = 2 * time.Millisecond
	settleMost    = 4 * time.Millisecond
	refusedPause  = 20 * time.Millisecond // of the client, fixed
	settleShorter = 512                   // commits to shorten the wait to a third
)

func (s *settling) pause() {
	if early := s.wait - time.Since(s.from); early > 0 {
		time.Sleep(early)
	}
}

// committed notes that a commit has returned after it took so long.
func (s *settling) committed(took time.Duration) {
	if took >= refusedPause {
		s.wait = min(2*s.wait, settleMost)
	} else {
		s.wait = max(s.wait-s.wait/settleShorter, settleLeast)
	}
	s.from = time.Now()
}
