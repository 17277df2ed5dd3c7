package stream

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// A broker that dies, or is too busy for its heartbeats, leaves records in the output as
// forgotten does: of the stream's own producer, and of no transaction that its coordinator
// still knows. Whoever takes the partitions over, to run or to retire the owner, ends them.
// Otherwise they would hide all that follows, until the next commit of the same producer made
// results of them.

func TestRecordsThatTheEndOfTheirTransactionHasMissedAreAborted(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	trusting(t, o.Kafka)
	const n = 500
	preload(t, o.Kafka, o.Topic, 0, n)
	forgotten(t, o, 1, "x")
	if err := Retire(within(t, time.Minute), o, 1); err != nil {
		t.Fatal(err)
	}
	if h := hiding(t, o, 1); h != 0 {
		t.Errorf("the owner was retired, and %d offsets are hidden", h)
	}
	forgotten(t, o, 1, "x")
	o.Orders.Generation = 1
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "all is scored", func(p Progress) bool { return p.Records == n })
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil {
		t.Fatal(got.err)
	}
	wantOnce(t, o.Kafka, o.Output, n)
}

// TestResultsWithoutAnEndAreMadeAgainThoughTheirOffsetsWereCommitted: the group was told of a
// commit, the output was not, and all that it has of the records from offset 7 on is open.
func TestResultsWithoutAnEndAreMadeAgainThoughTheirOffsetsWereCommitted(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 1)
	trusting(t, o.Kafka)
	o.StillOwner = alwaysOwner
	const n = 20
	preload(t, o.Kafka, o.Topic, 0, 7)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "the first are scored", func(p Progress) bool { return p.Records == 7 })
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil {
		t.Fatal(got.err)
	}
	preload(t, o.Kafka, o.Topic, 7, n)
	forgotten(t, o, 0, fmt.Sprintf(`{"id":"leftover","topic":%q,"partition":0,"offset":7}`, o.Topic))
	forget(t, o, 12)
	o.Stood = []Position{{Partition: 0, Next: 12}}
	if gone := dyingSuccessor(t, o); gone[0] != 7 {
		t.Errorf("the first successor finds %v gone, want offset 7 of partition 0", gone)
	}
	r = start(t, o, engine(t, o.Topic, nil))
	r.until(t, "the rest is scored", func(p Progress) bool { return p.Records >= n-7 })
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil || got.Records != n-7 {
		t.Fatalf("ended with %+v", got)
	}
	wantOnce(t, o.Kafka, o.Output, n)
}

// dyingSuccessor takes partitions over and dies when it has aborted what it found, before it
// could go back for it.
func dyingSuccessor(t *testing.T, o Options) map[int32]int64 {
	t.Helper()
	l, err := NewLoop(o, nobody{})
	if err != nil {
		t.Fatal(err)
	}
	src, snk, err := l.wire.dial(limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	defer snk.close()
	ctx := within(t, time.Minute)
	if err := snk.init(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := snk.leftovers(ctx); !errors.Is(err, errSettled) {
		t.Errorf("nothing was settled: %v", err)
	}
	gone, err := snk.leftovers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return gone
}

// forgotten leaves a record behind in a partition of the output.
func forgotten(t *testing.T, o Options, partition int32, value string) {
	t.Helper()
	id, epoch := identity(t, o)
	produceUnknown(t, o.Kafka.Brokers, o.Output, partition, TransactionalID(o.Pipeline, o.Stage, o.Topic, o.Partitions), id, epoch, value)
	if hiding(t, o, partition) == 0 {
		t.Fatal("the record is of no open transaction; there is nothing to end")
	}
}

// hiding is how many offsets of the output readers of committed records do not get to.
func hiding(t *testing.T, o Options, partition int32) int64 {
	t.Helper()
	all, committed := isolated(t, o.Kafka, "read_uncommitted"), isolated(t, o.Kafka, "read_committed")
	return logEnd(t, all, o.Output, partition) - logEnd(t, committed, o.Output, partition)
}

// trusting has the broker take records of a producer without asking the transaction's coordinator.
func trusting(t *testing.T, k Kafka) {
	t.Helper()
	err := withAdmin(within(t, time.Minute), k, func(a *kafka.AdminClient) error {
		ctx := within(t, time.Minute)
		md, err := a.GetMetadata(nil, false, 10_000)
		if err != nil {
			return err
		}
		for _, b := range md.Brokers {
			entry := kafka.ConfigEntry{Name: "transaction.partition.verification.enable", Value: "false", IncrementalOperation: kafka.AlterConfigOpTypeSet}
			found, err := a.IncrementalAlterConfigs(ctx, []kafka.ConfigResource{{Type: kafka.ResourceBroker, Name: strconv.Itoa(int(b.ID)), Config: []kafka.ConfigEntry{entry}}})
			if err != nil {
				return err
			}
			for _, f := range found {
				if f.Error.Code() != kafka.ErrNoError {
					return f.Error
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// identity claims a loop's transactional id and answers which producer has it then.
func identity(t *testing.T, o Options) (id int64, epoch int16) {
	t.Helper()
	p, err := kafka.NewProducer(o.Kafka.client("identity", kafka.ConfigMap{
		"transactional.id": TransactionalID(o.Pipeline, o.Stage, o.Topic, o.Partitions), "statistics.interval.ms": 100, "go.logs.channel.enable": true,
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	go discardLogs(p.Logs())
	ctx := within(t, time.Minute)
	if err := p.InitTransactions(ctx); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case e := <-p.Events():
			var s struct {
				EOS struct {
					ID    int64 `json:"producer_id"`
					Epoch int16 `json:"producer_epoch"`
				} `json:"eos"`
			}
			if told, ok := e.(*kafka.Stats); !ok {
				continue
			} else if err := json.Unmarshal([]byte(told.String()), &s); err != nil {
				t.Fatal(err)
			}
			if s.EOS.ID >= 0 {
				return s.EOS.ID, s.EOS.Epoch
			}
		case <-ctx.Done():
			t.Fatal("the client does not tell its producer id")
		}
	}
}

// produceUnknown sends a record of a transaction that was never begun: no client does that, so
// the request (Produce, version 7) and its batch (version 2) are written here.
func produceUnknown(t *testing.T, brokers, topic string, partition int32, transactional string, id int64, epoch int16, value string) {
	t.Helper()
	be := binary.BigEndian
	str := func(b []byte, s string) []byte { return append(be.AppendUint16(b, uint16(len(s))), s...) }

	body := append(binary.AppendVarint([]byte{0, 0, 0, 1 /* null key */}, int64(len(value))), value...) // attributes, times
	body = append(body, 0)                                                                              // headers
	record := append(binary.AppendVarint(nil, int64(len(body))), body...)
	now := uint64(time.Now().UnixMilli())
	checked := be.AppendUint16(nil, 1<<4) // transactional
	checked = be.AppendUint32(checked, 0)
	checked = be.AppendUint64(be.AppendUint64(checked, now), now)
	checked = be.AppendUint16(be.AppendUint64(checked, uint64(id)), uint16(epoch))
	checked = be.AppendUint32(be.AppendUint32(checked, 0), 1) // first sequence, records
	checked = append(checked, record...)
	batch := be.AppendUint32(nil, ^uint32(0)) // leader epoch: unknown
	batch = append(batch, 2)
	batch = be.AppendUint32(batch, crc32.Checksum(checked, crc32.MakeTable(crc32.Castagnoli)))
	batch = append(batch, checked...)
	batch = append(be.AppendUint32(be.AppendUint64(nil, 0), uint32(len(batch))), batch...)

	request := be.AppendUint16(be.AppendUint16(nil, 0), 7)
	request = str(be.AppendUint32(request, 1), "test")
	request = str(request, transactional)
	request = be.AppendUint32(be.AppendUint16(request, ^uint16(0)), 10_000) // acks all, timeout
	request = str(be.AppendUint32(request, 1), topic)
	request = be.AppendUint32(be.AppendUint32(request, 1), uint32(partition))
	request = append(be.AppendUint32(request, uint32(len(batch))), batch...)

	var dialer net.Dialer
	c, err := dialer.DialContext(within(t, 10*time.Second), "tcp", brokers)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(append(be.AppendUint32(nil, uint32(len(request))), request...)); err != nil {
		t.Fatal(err)
	}
	size := make([]byte, 4)
	if _, err := io.ReadFull(c, size); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, be.Uint32(size))
	if _, err := io.ReadFull(c, answer); err != nil {
		t.Fatal(err)
	}
	at := 4 + 4 + 2 + len(topic) + 4 + 4 // correlation, topics, name, partitions, index
	if code := int16(be.Uint16(answer[at:])); code != 0 {
		t.Fatalf("the broker refuses the record: error code %d", code)
	}
}
