package stream

import "time"

// settling is how long after a commit the records of the next transaction may come. The broker
// answers a commit before it has written the markers, and refuses the next transaction's
// partitions until it has; the client then waits 20 ms before it asks again.
//
// How long the markers take depends on the machine, so the wait is learned. The offsets are
// refused for the same reason, but asked for again after 1 ms, and then after 2: once they are in, nothing
// holds the partitions up any more but the client's 20 ms. A commit that is long after quick
// offsets was therefore refused, and doubles the wait; every other one makes it a little
// shorter, so that it ends up just above what is needed. Where offsets are slow, too, the
// machine is busy, and nothing is learned.
type settling struct {
	wait time.Duration
	soon time.Duration // of small transactions, see asked
	from time.Time     // when the last commit returned
}

const (
	settleLeast   = 250 * time.Microsecond
	settleFirst   = time.Millisecond
	settleMost    = 6 * time.Millisecond
	settleShorter = 256 // commits that shorten the wait to a third

	quickOffsets  = 8 * time.Millisecond
	refusedCommit = 15 * time.Millisecond // after the offsets
)

// pause waits until some time has passed since the last commit.
func (s *settling) pause(wait time.Duration) {
	if early := wait - time.Since(s.from); early > 0 {
		nap(early)
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

// soon is how long after a commit records are read again, while the loop keeps up. Those that come meanwhile go with those
// that came before, instead of waiting for one more commit. It need not be long enough for the broker: the offsets of a small
// transaction go first, and are asked for again. But each time costs the broker a request, and the transaction a millisecond
// or two; so where many are refused it grows, until it is one in five.
const (
	soonLeast  = 400 * time.Microsecond
	soonMost   = 1500 * time.Microsecond
	soonLonger = 80 * time.Microsecond
)

// asked notes how often a small transaction asked to be let in.
func (s *settling) asked(times int) {
	if times > 1 {
		s.soon = min(s.soon+soonLonger, soonMost)
	} else {
		s.soon = max(s.soon-soonLonger/4, soonLeast)
	}
}
