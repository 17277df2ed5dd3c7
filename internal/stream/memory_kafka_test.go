package stream

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// TestMemoryIsBoundedByConfiguration sends hundreds of records of a megabyte, none of which
// can be scored, through a loop with small bounds: each of them is fetched whole, and sent
// whole to the dead letters. The process stays below what the bounds add up to.
func TestMemoryIsBoundedByConfiguration(t *testing.T) {
	t.Parallel()
	const (
		records, size = 600, 1000 * 1000
		prefetch      = 8 << 20
		send          = 16 << 20
		batch         = 4 << 20
		heap          = 48 << 20 // GOMEMLIMIT, for what is Go's
		program       = 64 << 20 // this test binary and the client library, before any record
		partitions    = 2
		response      = partitions << 20 // one fetch beyond the bound: max.partition.fetch.bytes of each
	)
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("peak memory is read from /proc: ", err)
	}
	o := topics(t, broker(t), partitions)
	ctx := within(t, 3*time.Minute)
	s, err := NewSender(ctx, SenderOptions{Kafka: o.Kafka, Topic: o.Topic})
	if err != nil {
		t.Fatal(err)
	}
	value := bytes.Repeat([]byte("x"), size)
	for i := range records {
		if err := s.Send(ctx, fmt.Appendf(nil, "id-%d", i), value); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	o.PrefetchBytes, o.SendBytes, o.MaxBatchBytes = prefetch, send, batch
	c := spawn(t, o, 0, fmt.Sprintf("GOMEMLIMIT=%d", heap))
	go func() { // nobody else reads what it prints
		for c.lines.Scan() {
		}
	}()
	for scored(t, o) < records {
		if ctx.Err() != nil {
			t.Fatalf("%d of %d records in time", scored(t, o), records)
		}
	}
	peak := peakMemory(t, c.Process.Pid)
	// The client counts what it holds for the loop and what it has been handed; a batch is
	// held once more while it is copied.
	bound := program + heap + prefetch + response + send + 2*batch
	t.Logf("peak %d MiB, bound %d MiB", peak>>20, bound>>20)
	if peak > bound {
		t.Errorf("the process took %d MiB, its configuration allows %d MiB", peak>>20, bound>>20)
	}
	r, err := NewReader(ctx, o.Kafka, o.DeadLetters, StartEarliest())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	letters, seen := 0, map[string]bool{}
	err = r.ToEnd(ctx, func(l Record) error {
		if _, cut := l.Header(HeaderTruncated); len(l.Value) != size || cut {
			return fmt.Errorf("%s has %d bytes", l.Key, len(l.Value))
		}
		letters++
		seen[string(l.Key)] = true
		return nil
	})
	if err != nil || letters != records || len(seen) != records {
		t.Errorf("%d dead letters with %d keys, want %d: %v", letters, len(seen), records, err)
	}
}

var highWater = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// peakMemory is the most that a process has had resident.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := highWater.FindSubmatch(text)
	if m == nil {
		t.Fatalf("no peak in %s", text)
	}
	kib, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
