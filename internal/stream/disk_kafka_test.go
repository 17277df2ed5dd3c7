package stream

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"temporal-streaming/test/stack"
)

// TestStreamOutlivesAFullDiskOfItsBroker fills the broker's disk under the loop, as another
// program on that machine would, and makes room again later. A broker that cannot write
// gives its log folder up and ends; here it is started again and again, as a supervisor
// does, and comes up when there is room.
func TestStreamOutlivesAFullDiskOfItsBroker(t *testing.T) {
	t.Parallel()
	broker(t) // says why there is none
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=192m"); err != nil {
		t.Skip("a small disk can be mounted by root only: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	own := stack.Start(t, stack.Options{Services: []string{stack.Kafka}, Kafka: stack.Apache, Data: filepath.Join(disk, "data")})
	o := topics(t, Kafka{Brokers: own.Brokers()}, 1)
	log := listen(&o)
	preload(t, o.Kafka, o.Topic, 0, 1000)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "it runs", scoredAtLeast(1000))
	before := own.PID(t, stack.Kafka)
	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	sent := load(t, o.Kafka, o.Topic, 1000, 2000)
	p := r.until(t, "the broker is gone", func(p Progress) bool { return p.Faults[FaultUnreachable]+p.Faults[FaultStorage] > 0 })
	t.Logf("records %d, faults %v: %s", p.Records, p.Faults, p.LastError)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	r.until(t, "it goes on", scoredAtLeast(p.Records+1000))
	exactly(t, r, o, sent())
	if own.PID(t, stack.Kafka) == before {
		t.Error("the broker has not ended: its disk was not full")
	}
	log.wantLine(t, FaultUnreachable, "")
}

// fill writes until nothing more goes onto the disk.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<16); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
