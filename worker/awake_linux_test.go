package main

import (
	"context"
	"encoding/binary"
	"io"
	"os"
	"testing"
	"time"

	"temporal-streaming/internal/awake"
)

// TestCoresAreKeptAwakeWithoutTemporal: a stream that a crash interrupted goes on before Temporal is reached, and with it what it was given.
func TestCoresAreKeptAwakeWithoutTemporal(t *testing.T) {
	held, err := awake.Hold()
	if err != nil {
		t.Skip(err) // no root, or a container without the device
	}
	held.Close()
	if limit(t) == 0 {
		t.Skip("somebody else keeps them awake")
	}
	stop := withoutTemporal(t, "WORKER_AWAKE=true")
	defer func() {
		stop()
		if !until(t, func(us uint32) bool { return us > 0 }) {
			t.Error("they are kept awake when the worker has ended")
		}
	}()
	if !until(t, func(us uint32) bool { return us == 0 }) {
		t.Error("they may sleep")
	}
}

// withoutTemporal runs the worker, which waits for Temporal until stop is called.
func withoutTemporal(t *testing.T, environ ...string) (stop func()) {
	t.Chdir(t.TempDir())
	t.Setenv("TMPDIR", t.TempDir())
	environ = append(environ, "TEMPORAL_ADDRESS=127.0.0.1:1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() { ended <- run(ctx, environ, nil, io.Discard, io.Discard) }()
	return func() {
		cancel()
		<-ended
	}
}

// until waits for a limit, which other processes may set, too.
func until(t *testing.T, wanted func(us uint32) bool) bool {
	for range 500 {
		if wanted(limit(t)) {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// limit is the longest that a core may take to wake, in microseconds.
func limit(t *testing.T) uint32 {
	t.Helper()
	f, err := os.Open("/dev/cpu_dma_latency")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var us [4]byte
	if _, err := f.Read(us[:]); err != nil {
		t.Fatal(err)
	}
	return binary.NativeEndian.Uint32(us[:])
}
