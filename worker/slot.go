package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// maxSlots bounds the search for a free slot: far more workers than one host runs.
const maxSlots = 256

// slot is a worker's place on its host. It makes the worker's identity stable: a
// worker that starts again after a crash takes the same slot, and may therefore
// release what its predecessor held, while a living sibling keeps its own.
type slot struct {
	Number int
	lock   *os.File // held for the life of the process; the kernel drops it however the process dies
}

// takeSlot locks slot number want in dir, or the first free one if want is negative.
func takeSlot(dir string, want int) (*slot, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("take worker slot: %w", err)
	}
	first, last := want, want
	if want < 0 {
		first, last = 0, maxSlots-1
	}
	for n := first; n <= last; n++ {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("slot-%d.lock", n)), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("take worker slot %d: %w", n, err)
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return &slot{Number: n, lock: f}, nil
		}
		if closeErr := f.Close(); closeErr != nil {
			return nil, fmt.Errorf("take worker slot %d: %w", n, closeErr)
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("take worker slot %d: %w", n, err)
		}
	}
	if want >= 0 {
		return nil, fmt.Errorf("take worker slot %d: another worker on this host holds it; unset WORKER_SLOT to take a free one", want)
	}
	return nil, fmt.Errorf("take worker slot: all %d are taken in %s", maxSlots, dir)
}

func (s *slot) Close() error { return s.lock.Close() }
