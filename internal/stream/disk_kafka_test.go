package stream

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/test/stack"
)

// TestStreamOutlivesAFullDiskOfItsBroker fills the broker's disk under the loop, as another
// program on that machine would, and makes room again later. A broker that cannot write
// gives its log folder up and ends; here it is started again and again, as a supervisor
// does, and comes up when there is room.
//
// It need not end at once. The input's index is a file in its memory, and has not been
// touched yet, since all that was sent is one batch. The next record, a small one, finds
// room at the end of the log, where a page of memory is begun, and none in the index: the
// broker answers with an error that has no name, and the record stays in the log. Its
// sender is told that it failed; the loop scores it, and once.
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
	ctx := within(t, 3*time.Minute)
	preloadBy(t, SenderOptions{Kafka: o.Kafka, Topic: o.Topic, Linger: time.Second}, 0, 1000)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "it runs", scoredAtLeast(1000))
	before := own.PID(t, stack.Kafka)
	single := sender(t, ctx, SenderOptions{Kafka: o.Kafka, Topic: o.Topic, Linger: time.Millisecond})
	time.Sleep(500 * time.Millisecond) // it is given its id, which the broker has to write down
	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	if err := sendID(ctx, single, 1000); err != nil {
		t.Fatal(err)
	}
	ended := loadAndTell(t, o.Kafka, o.Topic, 1001, 2000)
	p := r.until(t, "the broker is gone", func(p Progress) bool { return p.Faults[FaultUnreachable]+p.Faults[FaultStorage] > 0 })
	t.Logf("records %d, faults %v: %s", p.Records, p.Faults, p.LastError)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	r.until(t, "it goes on", scoredAtLeast(p.Records+1000))

	n, acknowledged, err := ended()
	wantNamelessAtMost(t, err)
	one, err := single.Close(ctx)
	wantNamelessAtMost(t, err)
	var ids []string
	for _, in := range contents(t, o.Kafka, o.Topic) {
		ids = append(ids, string(in.Key))
	}
	if most, least := n, 1000+one.Delivered+acknowledged; len(ids) > most || int64(len(ids)) < least {
		t.Fatalf("the input has %d records; sent %d, acknowledged %d", len(ids), most, least)
	}
	drained(t, r, len(ids))
	wantOnceEach(t, o.Kafka, o.Output, ids)
	if own.PID(t, stack.Kafka) == before {
		t.Error("the broker has not ended: its disk was not full")
	}
	log.wantLine(t, FaultUnreachable, "")
}

// wantNamelessAtMost fails for an error of a Sender that a full disk does not explain.
func wantNamelessAtMost(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if t.Log(err); code(err) != kafka.ErrUnknown || !strings.Contains(err.Error(), "broker's log") {
		t.Error("that is not the error without a name, or does not say what to do")
	}
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
