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

	"temporal-streaming/internal/score"
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
//
// Those that come after it are given its offset once more, and all are kept, so that there
// are fewer offsets than records. Readers get all of them, unless they begin in between.
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
	for id := 1000; id < 1003; id++ {
		if err := sendID(ctx, single, id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // each is a batch
	}
	ended := loadAndTell(t, o.Kafka, o.Topic, 1003, 2000)
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
	in := contents(t, o.Kafka, o.Topic)
	if most, least := n, 1000+one.Delivered+acknowledged; len(in) > most || int64(len(in)) < least {
		t.Fatalf("the input has %d records; sent %d, acknowledged %d", len(in), most, least)
	}
	drained(t, r, int(in[len(in)-1].Offset)+1)
	wantOncePerOffset(t, o, in)
	if own.PID(t, stack.Kafka) == before {
		t.Error("the broker has not ended: its disk was not full")
	}
	log.wantLine(t, FaultUnreachable, "")
}

// wantOncePerOffset fails unless each of the input's records is scored once, but for those that share an offset: of these one is, or more.
func wantOncePerOffset(t *testing.T, o Options, in []Record) {
	t.Helper()
	scored, last := map[string]int{}, int64(0)
	for _, r := range contents(t, o.Kafka, o.Output) {
		p, err := score.DecodePrediction(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		scored[p.ID]++
		if p.Offset < last {
			t.Errorf("offset %d comes after %d", p.Offset, last)
		}
		last = p.Offset
	}
	at := map[int64][]string{}
	for _, r := range in {
		at[r.Offset] = append(at[r.Offset], string(r.Key))
	}
	if len(at) < len(in) {
		t.Logf("%d records have %d offsets", len(in), len(at))
	}
	lost, repeated := 0, 0
	for _, ids := range at {
		some := false
		for _, id := range ids {
			some = some || scored[id] > 0
			if scored[id] > 1 {
				repeated++
			}
			delete(scored, id)
		}
		if !some {
			lost++
		}
	}
	if lost+repeated+len(scored) > 0 {
		t.Errorf("%d records: %d lost, %d repeated, %d scored that are not there", len(in), lost, repeated, len(scored))
	}
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
