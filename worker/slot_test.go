package main

import (
	"strings"
	"testing"
)

func TestEveryLivingWorkerHasASlotOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	first := take(t, dir, -1)
	second := take(t, dir, -1)
	if first.Number != 0 || second.Number != 1 {
		t.Errorf("slots %d and %d, want 0 and 1", first.Number, second.Number)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if again := take(t, dir, -1); again.Number != 0 {
		t.Errorf("the slot of the worker that ended is not taken again, but %d", again.Number)
	}
}

func TestSlotOfALivingWorkerIsRefused(t *testing.T) {
	dir := t.TempDir()
	take(t, dir, 3)
	if _, err := takeSlot(dir, 3); err == nil || !strings.Contains(err.Error(), "WORKER_SLOT") {
		t.Errorf("got %v, want a refusal that says what to do", err)
	}
}

func take(t *testing.T, dir string, want int) *slot {
	t.Helper()
	s, err := takeSlot(dir, want)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // some are closed already
	return s
}
