package stream

import (
	"syscall"
	"time"
)

// nap sleeps for less than a few milliseconds. time.Sleep rounds up to a whole one where
// nothing else runs, since it waits in epoll.
func nap(d time.Duration) {
	for end := time.Now().Add(d); d > 0; d = time.Until(end) {
		t := syscall.NsecToTimespec(d.Nanoseconds())
		_ = syscall.Nanosleep(&t, nil) // a signal ends it early
	}
}
