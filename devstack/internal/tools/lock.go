package tools

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lock takes an exclusive lock on a file, which ends with the process that holds it. When somebody else holds it, the
// wait is handed to waiting, which may show it to a person.
func lock(ctx context.Context, path string, waiting func(func() error) error) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	unlock = func() { file.Close() } // closing ends the lock; the file stays, for removing it would let two in
	err = tryLock(file)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = waiting(func() error { return pollLock(ctx, file) })
	}
	if err != nil {
		unlock()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return unlock, nil
}

func tryLock(file *os.File) error {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

func pollLock(ctx context.Context, file *os.File) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if err := tryLock(file); !errors.Is(err, syscall.EWOULDBLOCK) {
				return err
			}
		}
	}
}
