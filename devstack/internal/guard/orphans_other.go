//go:build !linux

package guard

import "time"

// AdoptOrphans does nothing here: only Linux can adopt orphans.
func AdoptOrphans() error { return nil }

// awaitGroup waits until process 1 has collected the killed members of a group, or the time is up.
func awaitGroup(pgid int, within time.Duration) {
	deadline := time.Now().Add(within)
	for anyMember(pgid) && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
}
