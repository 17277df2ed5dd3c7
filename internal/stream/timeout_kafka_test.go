package stream

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// TestLoopFrozenBeyondItsTransactionRecovers freezes the only loop of its partitions, with a
// transaction open, until the broker has given the transaction up. Thawed, the loop is
// refused like one that has a successor, hears that it has none, and begins anew.
func TestLoopFrozenBeyondItsTransactionRecovers(t *testing.T) {
	t.Parallel()
	_, k := several(t)
	o := topics(t, k, 2)
	const n = 3000
	preload(t, k, o.Topic, 0, n)
	o.MaxBatch, o.CommitInterval, o.TransactionTimeout = 100, 10*time.Second, 6*time.Second
	o.StillOwner = alwaysOwner
	all, committed := isolated(t, k, "read_uncommitted"), isolated(t, k, "read_committed")
	open := func() (n int64) { // records, and marks, that readers of committed records may not see yet
		for _, p := range o.Partitions {
			stable := logEnd(t, committed, o.Output, p)
			n += logEnd(t, all, o.Output, p) - stable
		}
		return n
	}
	frozen := spawn(t, o, 4)
	if !frozen.batches(4) {
		t.Fatal("the child ended by itself")
	}
	for ctx := within(t, 20*time.Second); open() == 0; {
		if ctx.Err() != nil {
			t.Fatal("no record of the transaction reaches the broker; there is nothing to time out")
		}
	}
	if err := frozen.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for ctx := within(t, 60*time.Second); open() > 0; {
		if ctx.Err() != nil {
			t.Fatal("the broker does not give the transaction up")
		}
	}
	if err := frozen.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	frozen.in.Close()
	for ctx := within(t, 60*time.Second); scored(t, o) < n; {
		if ctx.Err() != nil {
			t.Fatalf("%d of %d records are scored", scored(t, o), n)
		}
	}
	frozen.kill()
	wantOnce(t, k, o.Output, n)
}

// isolated is a consumer that is asked for the ends of partitions, as readers of that isolation see them.
func isolated(t *testing.T, k Kafka, isolation string) *kafka.Consumer {
	t.Helper()
	c, err := kafka.NewConsumer(k.client("ends", kafka.ConfigMap{"group.id": "ends", "isolation.level": isolation}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func logEnd(t *testing.T, c *kafka.Consumer, topic string, partition int32) int64 {
	t.Helper()
	_, high, err := c.QueryWatermarkOffsets(topic, partition, 20000)
	if err != nil {
		t.Fatal(err)
	}
	return high
}

func TestTransactionLongerThanTheBrokerAllowsIsTold(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 1)
	log := listen(&o)
	o.TransactionTimeout = 20 * time.Minute // transaction.max.timeout.ms is 15 minutes by default
	r := start(t, o, engine(t, o.Topic, nil))
	p := r.until(t, "it is refused", func(p Progress) bool { return p.Faults[FaultTimeout] > 0 })
	if !strings.Contains(p.LastError, "transaction.max.timeout.ms") {
		t.Errorf("last error is %q", p.LastError)
	}
	log.wantLine(t, FaultTimeout, "transaction.max.timeout.ms")
}
