package guard

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// AdoptOrphans makes this process the parent of every orphaned descendant, so that awaitGroup can wait for grandchildren
// (a server's workers) too. Without it they go to process 1, which in a container may never collect them.
func AdoptOrphans() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("adopt orphans: %w", err)
	}
	return nil
}

// awaitGroup collects the killed members of a group until there are none or the time is up.
func awaitGroup(pgid int, within time.Duration) {
	deadline := time.Now().Add(within)
	for time.Now().Before(deadline) {
		pid, err := syscall.Wait4(-pgid, nil, syscall.WNOHANG, nil)
		switch {
		case err == nil && pid > 0:
			continue
		case errors.Is(err, syscall.ECHILD) && !anyMember(pgid):
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
