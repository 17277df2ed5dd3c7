package guard

import (
	"errors"
	"syscall"
)

// anyMember tells whether a process group still has members, zombies included.
func anyMember(pgid int) bool {
	return !errors.Is(syscall.Kill(-pgid, 0), syscall.ESRCH)
}
