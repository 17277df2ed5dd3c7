package stream

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"temporal-streaming/internal/stream/crossing"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// confluent is the wire over confluent-kafka-go. Records cross into C in batches, by package
// crossing; where that cannot work with the client that is linked, once per record.
type confluent struct {
	Options
	note   func(error)       // told of trouble that the client mends by itself
	seen   func(*statistics) // told how the clients are, every now and then
	looked func(glance)      // told where partitions stand, every now and then
	count  func(int)         // and how many the input has
	wait   func()            // called while a call of the loop's goroutine waits for room
	held   atomic.Int64      // the longest that a broker held an answer back which the client does not know of, since its statistics
	plain  sync.Once         // says why records cross one by one
	first  sync.Once         // says why the client library writes transactions
}

// dial makes the clients. Settings that differ from the client's defaults say why; their
// effects were measured on Apache Kafka.
func (w *confluent) dial(limits limits) (source, sink, error) {
	c, err := kafka.NewConsumer(w.Kafka.client("temporal-streaming-"+w.Pipeline, kafka.ConfigMap{
		"group.id":                 w.Group,
		"enable.auto.commit":       false,
		"enable.auto.offset.store": false,
		"isolation.level":          "read_committed",
		"auto.offset.reset":        "error", // a lost offset is a decision for a person
		"fetch.wait.max.ms":        50,
		"fetch.queue.backoff.ms":   5, // the default of 1 s stalls a loop whenever its prefetch queue is full
		"fetch.error.backoff.ms":   50,
		"retry.backoff.ms":         50,
		// Bounded memory: at most this much waits to be polled.
		"queued.min.messages":        100000,
		"queued.max.messages.kbytes": max(1, w.PrefetchBytes>>10),
		// Any record that a broker serves can be read.
		"fetch.max.bytes":           52428800,
		"receive.message.max.bytes": largestRecord + 1<<20,
		"go.events.channel.size":    1,
		"go.logs.channel.enable":    true,
		"statistics.interval.ms":    int(statisticsEvery.Milliseconds()),
	}))
	if err != nil {
		return nil, nil, fmt.Errorf("make consumer: %w", err)
	}
	go w.forward(c.Logs())
	src := &consumer{confluent: w, c: c, parts: make([]kafka.TopicPartition, len(w.Partitions))}
	for i, p := range w.Partitions {
		src.parts[i] = kafka.TopicPartition{Topic: &w.Topic, Partition: p}
	}
	if err := w.batches(src); err != nil {
		src.close()
		return nil, nil, err
	}
	snk := w.producer(src, limits)
	if !w.ClientCommits && w.Delivery == ExactlyOnce && w.Sink == SinkKafka && !w.PublicCalls {
		return src, &transactor{producer: snk, limits: limits}, nil
	}
	return src, snk, nil
}

func (w *confluent) producer(from *consumer, limits limits) *producer {
	return &producer{
		confluent: w, reminder: Reminder{Kafka: w.Kafka}, config: w.Kafka.client("temporal-streaming-"+w.Pipeline, w.producing(limits)), from: from,
		settle: settling{wait: settleFirst, soon: soonLeast}, barrier: make(chan chan struct{}),
	}
}

func (w *confluent) overlaps() bool { return true }

// batches lets records cross in batches, unless the options or the client that is linked are
// against it. Then the public calls do the same, slower.
func (w *confluent) batches(src *consumer) (err error) {
	if w.PublicCalls {
		return nil
	}
	src.batch, err = crossing.NewPoller(src.c)
	if !errors.Is(err, crossing.ErrUnsuitable) {
		return err
	}
	w.plain.Do(func() {
		w.Logger.Warn("records cross one by one into the client library, which costs about twice as much", slog.Any("reason", err))
	})
	return nil
}

// largestRecord is the largest record that can be read and dead-lettered whole. Larger
// ones do not get past the limit of any broker in practice.
const largestRecord = 128 << 20

// batchBytes is how large a batch of records may be. A topic whose limit is below it refuses batches of small records, too.
func (w *confluent) batchBytes(limits limits) int {
	if limits.recordBytes > 0 {
		return min(mostBatchBytes, limits.recordBytes)
	}
	return mostBatchBytes
}

const mostBatchBytes = 1000000

func (w *confluent) producing(limits limits) kafka.ConfigMap {
	m := kafka.ConfigMap{
		"enable.idempotence":           true,
		"retry.backoff.ms":             1, // and twice as long each time; the default of 100 ms is waited for after most commits
		"linger.ms":                    int(w.linger().Milliseconds()),
		"batch.num.messages":           10000,
		"batch.size":                   w.batchBytes(limits),
		"message.max.bytes":            largestRecord,
		"queue.buffering.max.messages": 1000000,
		"queue.buffering.max.kbytes":   max(1, w.SendBytes>>10),
		"go.delivery.report.fields":    "none",
		"go.events.channel.size":       1000,
		"go.produce.channel.size":      1,
		"go.logs.channel.enable":       true,
		"statistics.interval.ms":       int(statisticsEvery.Milliseconds()),
	}
	if w.Delivery == ExactlyOnce {
		// A failed delivery fails the transaction, which is all that the loop needs to know.
		m["go.delivery.reports"] = false
		m["transactional.id"] = TransactionalID(w.Pipeline, w.Stage, w.Topic, w.Partitions)
		m["transaction.timeout.ms"] = int(w.TransactionTimeout.Milliseconds())
		// The client refuses to wait for an answer for longer than a transaction may last.
		m["socket.timeout.ms"] = int(min(answerTimeout, w.TransactionTimeout).Milliseconds())
	} else {
		m["message.timeout.ms"] = int(w.TransactionTimeout.Milliseconds())
	}
	return m
}

// linger is how long a batch waits to become full. Every commit sends what waits at once,
// so this is only for a transaction that stays open for long. A few milliseconds were worse:
// a batch that is due while another is under way makes the client's thread spin, which
// takes the core that the broker needs for its answer.
func (w *confluent) linger() time.Duration { return min(time.Second, w.TransactionTimeout/10) }

// statistics hands what a client tells about itself on. The error says that the client is of no use any more.
func (w *confluent) statistics(client fmt.Stringer, text string, remind func(fmt.Stringer, *statistics) (bool, error)) error {
	s, err := readStatistics(text)
	if err != nil {
		w.note(err)
		return nil
	}
	if s.Type == "producer" {
		s.held = time.Duration(w.held.Swap(0))
	}
	w.seen(s)
	forgot, err := remind(client, s)
	if forgot && err == nil {
		w.note(errForgotten)
	}
	return err
}

// hold notes that a broker holds its answers back.
func (w *confluent) hold(d time.Duration) {
	for {
		was := w.held.Load()
		if int64(d) <= was || w.held.CompareAndSwap(was, int64(d)) {
			return
		}
	}
}

// forward hands the client's own log lines on.
func (w *confluent) forward(logs <-chan kafka.LogEvent) {
	for e := range logs {
		w.log(e)
	}
}

// log takes one of the client's own log lines. They repeat what the loop reports itself, so
// they are for debugging.
func (w *confluent) log(e kafka.LogEvent) {
	w.Logger.Debug(e.Message, slog.String("client", e.Name), slog.String("tag", e.Tag))
}
