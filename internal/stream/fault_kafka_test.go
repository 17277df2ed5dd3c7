package stream

import (
	"context"
	"errors"
	"math/rand/v2"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestKilledLoopLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	n, most, least := 60000, 200, int64(1000) // each loop scores much while its first transactions are committed
	if o.ClientCommits || o.PublicCalls {
		n, most, least = 20000, 120, 5000
	}
	preload(t, o.Kafka, o.Topic, 0, n)
	o.MaxBatch, o.CommitInterval = 50, time.Millisecond
	random := rand.New(rand.NewPCG(3, 7))
	kills := 0
	for ; kills < 5 || scored(t, o) < least; kills++ {
		c := spawn(t, o, 0)
		if !c.batches(1 + random.IntN(most)) {
			t.Fatal("the child ended by itself")
		}
		c.kill()
	}
	t.Logf("%d kills, %d records committed before the last loop", kills, scored(t, o))
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "the rest is scored", caughtUp)
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil {
		t.Fatal(got.err)
	}
	wantOnce(t, o.Kafka, o.Output, n)
}

// scored counts the input records that the group has behind it, whatever a killed loop has left open.
func scored(t *testing.T, o Options) (n int64) {
	t.Helper()
	req := kmsg.NewOffsetFetchRequest()
	req.Group = GroupID(o.Pipeline)
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = req.Group
	req.Groups = append(req.Groups, g)
	resp, err := req.RequestWith(within(t, 30*time.Second), connect(t, o.Kafka))
	if err == nil && len(resp.Groups) == 1 {
		err = kerr.ErrorForCode(resp.Groups[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range resp.Groups[0].Topics {
		for _, p := range of.Partitions {
			n += max(0, p.Offset)
		}
	}
	return n
}

func caughtUp(p Progress) bool {
	for _, q := range p.Partitions {
		if q.Lag != 0 {
			return false
		}
	}
	return len(p.Partitions) > 0 && p.State == StateRunning
}

func TestFrozenLoopThatWakesUpIsFencedAndEmitsNothing(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	const n = 3000
	preload(t, o.Kafka, o.Topic, 0, n)
	zombie := frozen(t, o)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "the successor has scored all", func(p Progress) bool { return p.Records == n })
	wakesUpFenced(t, zombie)
	preload(t, o.Kafka, o.Topic, n, n+100)
	r.until(t, "the successor goes on", func(p Progress) bool { return p.Records == n+100 })
	r.stop()
	r.wait(t, 10*time.Second)
	wantOnce(t, o.Kafka, o.Output, n+100)
}

// frozen is a loop in a process of its own that was stopped in a transaction.
func frozen(t *testing.T, o Options) *process {
	t.Helper()
	o.MaxBatch, o.CommitInterval = 100, 10*time.Second // so that a transaction is open then
	zombie := spawn(t, o, 4)
	if !zombie.batches(4) {
		t.Fatal("the child ended by itself")
	}
	if err := zombie.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	return zombie
}

// wakesUpFenced fails unless a frozen loop that goes on finds that it is fenced.
func wakesUpFenced(t *testing.T, zombie *process) {
	t.Helper()
	if err := zombie.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	zombie.in.Close()
	for zombie.lines.Scan() {
	}
	var exit *exec.ExitError
	if err := zombie.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitFenced {
		t.Fatalf("the zombie ended with %v, want ErrFenced", err)
	}
}

func TestFencedLoopGoesOnIfItStillOwnsThePartitions(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 1)
	asked := make(chan bool, 10)
	o.StillOwner = func(context.Context) bool { asked <- true; return len(asked) < 2 }
	r := start(t, o, engine(t, o.Topic, nil))
	preload(t, o.Kafka, o.Topic, 0, 10)
	r.until(t, "it runs", func(p Progress) bool { return p.Records == 10 })
	fenceIt := func() {
		t.Helper()
		id := TransactionalID(o.Pipeline, o.Stage, o.Topic, o.Partitions)
		if err := Fence(within(t, 20*time.Second), o.Kafka, []string{id}); err != nil {
			t.Fatal(err)
		}
	}
	fenceIt()
	preload(t, o.Kafka, o.Topic, 10, 20)
	r.until(t, "it has come back", func(p Progress) bool { return p.Records == 20 })
	fenceIt()
	preload(t, o.Kafka, o.Topic, 20, 30)
	if got := r.wait(t, 20*time.Second); !errors.Is(got.err, ErrFenced) || got.Records != 20 || got.Aborts != 2 {
		t.Fatalf("second time: %+v, want ErrFenced after 20 records", got)
	}
	wantOnce(t, o.Kafka, o.Output, 20)
}

func TestOffsetThatTheBrokerNoLongerHasEndsTheLoopWithTheGap(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 1)
	preload(t, o.Kafka, o.Topic, 0, 50)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "all are scored", func(p Progress) bool { return p.Records == 50 })
	r.stop()
	r.wait(t, 10*time.Second)

	preload(t, o.Kafka, o.Topic, 50, 200)
	ctx := within(t, 20*time.Second)
	err := withAdmin(ctx, o.Kafka, func(a *kafka.AdminClient) error {
		_, err := a.DeleteRecords(ctx, []kafka.TopicPartition{{Topic: &o.Topic, Partition: 0, Offset: 120}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := start(t, o, engine(t, o.Topic, nil)).wait(t, 20*time.Second)
	var lost *OffsetLost
	if !errors.Is(got.err, ErrOffsetLost) || !errors.As(got.err, &lost) {
		t.Fatalf("ended with %v, want ErrOffsetLost", got.err)
	}
	if *lost != (OffsetLost{Topic: o.Topic, Partition: 0, Committed: 50, First: 120, End: 200}) {
		t.Errorf("gap %+v", *lost)
	}
	if !strings.Contains(got.err.Error(), "70 records were deleted before they were scored") {
		t.Errorf("the error does not state the gap: %v", got.err)
	}
	wantOnce(t, o.Kafka, o.Output, 50)
}

func TestUnreachableKafkaIsWaitedOutAndReported(t *testing.T) {
	t.Parallel()
	o := Options{Kafka: Kafka{Brokers: "127.0.0.1:1"}, Pipeline: "p", Topic: "in", Output: "out", Partitions: []int32{0}, Logger: testLog(t)}
	r := start(t, o, engine(t, o.Topic, nil))
	p := r.until(t, "the error is reported", func(p Progress) bool { return p.LastError != "" })
	if !strings.Contains(p.LastError, "check that Kafka runs at 127.0.0.1:1") {
		t.Errorf("last error does not say what to do: %s", p.LastError)
	}
	r.stop()
	if got := r.wait(t, 20*time.Second); got.err != nil || got.Partitions[0].Next != -1 {
		t.Errorf("ended with %+v", got)
	}
}
