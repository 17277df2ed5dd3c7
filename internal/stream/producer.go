package stream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"temporal-streaming/internal/stream/crossing"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// producer is the sink over the client library.
type producer struct {
	*confluent
	config *kafka.ConfigMap
	p      *kafka.Producer // nil until init has made it
	from   *consumer
	sizes  []int32          // partitions of each topic; 0: not written to
	batch  *crossing.Sender // nil: the public calls
	next   ahead
	entry  *crossing.Entry // nil: small transactions send their records after their offsets
	msg    kafka.Message   // of the public calls, reused: Produce copies it

	sends  int  // of the transaction
	handed bool // the client has records of the transaction; others wait in batch
	settle settling

	reminder Reminder
	failure  atomic.Pointer[failure] // the first delivery that failed
	largest  atomic.Int64            // of the records refused for their size
	barrier  chan chan struct{}
	done     chan struct{} // closed when watch has ended
	settled  []standing    // doubts that the next commit crosses out
	blind    func()        // ends lookOut; nil if it was not begun
	ended    chan struct{} // closed when lookOut has

	lend      func(context.Context, func(*producer) error) error // see asOwner; nil: the transactional id is this producer's
	overruled map[ground]int64                                   // where a transaction was run and aborted, and from which offset on another stood open
}

type failure struct{ err error }

// watch takes the client's events, which are failed deliveries and trouble that the
// client mends by itself.
func (s *producer) watch() {
	defer close(s.done)
	for {
		select {
		case e, open := <-s.p.Events():
			if !open {
				return
			}
			s.event(e)
		case reached := <-s.barrier:
			for len(s.p.Events()) > 0 { // nobody else takes any
				s.event(<-s.p.Events())
			}
			close(reached)
		}
	}
}

func (s *producer) event(e kafka.Event) {
	switch e := e.(type) {
	case *kafka.Message:
		if err := e.TopicPartition.Error; err != nil {
			s.failure.CompareAndSwap(nil, &failure{err})
		}
	case kafka.Error:
		if e.IsFatal() {
			s.failure.CompareAndSwap(nil, &failure{e})
		} else {
			s.note(e)
		}
	case *kafka.Stats:
		if err := s.statistics(s.p, e.String(), s.reminder.remind); err != nil {
			s.failure.CompareAndSwap(nil, &failure{err})
		}
	}
}

func (s *producer) init(ctx context.Context) (err error) {
	if s.Delivery == ExactlyOnce {
		s.p, _, err = claim(ctx, s.config, s.log)
	} else if s.p, err = kafka.NewProducer(s.config); err == nil {
		go s.forward(s.p.Logs())
	}
	if err != nil {
		return err
	}
	s.done = make(chan struct{})
	go s.watch()
	if s.from.batch != nil {
		topics := append([]string{s.Output, s.DeadLetters}, s.Forward...)
		s.batch, err = crossing.NewSender(s.p, topics...)
		if err == nil {
			err = s.batch.OnlyFailures()
		}
		if err == nil {
			s.next.batch, err = crossing.NewSender(s.p, topics...)
		}
		if err == nil && s.Delivery == ExactlyOnce {
			s.entry, err = crossing.NewEntry(s.p)
		}
		if err != nil && !errors.Is(err, crossing.ErrUnsuitable) {
			return err
		}
	}
	return s.look(ctx)
}

// look finds out how many partitions the topics have, and has it looked out from then on.
func (s *producer) look(ctx context.Context) error {
	s.sizes = make([]int32, int(toForward)+len(s.Forward))
	for i := range s.sizes {
		to := destination(i)
		if to == toOutput && s.Sink != SinkKafka {
			continue
		}
		err := patiently(ctx, func(ms int) error {
			n, err := partitions(s.p, *s.topic(to), ms)
			s.sizes[to] = int32(n)
			return err
		})
		if err != nil {
			return err
		}
	}
	looking, blind := context.WithCancel(context.WithoutCancel(ctx))
	s.blind, s.ended = blind, make(chan struct{})
	go s.lookOut(looking)
	return nil
}

func (s *producer) topic(to destination) *string {
	switch to {
	case toOutput:
		return &s.Output
	case toDeadLetters:
		return &s.DeadLetters
	}
	return &s.Forward[to-toForward]
}

// errSettled says that what earlier owners of a transactional id have left is settled, and that others may have owned it meanwhile: what was read
// before is to be read once more.
var errSettled = errors.New("the transactional id was claimed anew, to settle what its earlier owners have left")

// asOwner has a call made by a producer that owns the transactional id. Where that is not this one the answer is errSettled, or why it failed.
func (s *producer) asOwner(ctx context.Context, call func(*producer) error) error {
	if s.lend != nil {
		return s.lend(ctx, call)
	}
	return call(s)
}

func (s *producer) begin() error {
	s.failure.Store(nil)
	s.largest.Store(0)
	s.sends, s.handed = 0, false
	if s.Delivery != ExactlyOnce {
		return nil
	}
	return s.cause(s.p.BeginTransaction())
}

// rest waits until the next transaction is likely to be let in.
func (s *producer) rest() { s.settle.pause(s.settle.soon) }

// send collects the records, and hands them over in as few crossings into C as their bytes
// allow. Those of a transaction that is sent at once, and is small, are left to the commit.
func (s *producer) send(ctx context.Context, records []outgoing) error {
	s.sends++
	for i := range records {
		r := &records[i]
		s.largest.Store(max(s.largest.Load(), int64(len(r.key)+len(r.value))))
		if s.batch == nil {
			if err := s.handOver(ctx, func() error { return s.produce(r) }, s.wait); err != nil {
				return err
			}
			continue
		}
		s.add(s.batch, r)
		if s.due() || s.sends > 1 && i == len(records)-1 {
			if err := s.handOver(ctx, s.batch.Send, s.wait); err != nil {
				return err
			}
		}
	}
	return nil
}

// add has a record copied.
func (s *producer) add(to *crossing.Sender, r *outgoing) {
	to.Add(int(r.to), r.partition%s.sizes[r.to], r.key, r.value)
	for _, h := range r.headers {
		to.Header(h.key, h.value)
	}
}

// ahead is what was collected for the next transaction. The commit that is on its way has the producer's batch to itself.
type ahead struct {
	batch   *crossing.Sender
	sends   int
	largest int64 // of its records
}

// enoughAhead is how many bytes are collected before scoring waits for the commit: ten thousand predictions, and less than what a
// Sender keeps the memory of.
const enoughAhead = 1280 << 10

func (s *producer) collect(records []outgoing) bool {
	a := &s.next
	if a.batch == nil || a.batch.Bytes() >= enoughAhead {
		return false
	}
	a.sends++
	for i := range records {
		r := &records[i]
		a.largest = max(a.largest, int64(len(r.key)+len(r.value)))
		s.add(a.batch, r)
	}
	return true
}

func (s *producer) release(ctx context.Context) error {
	s.batch, s.next.batch = s.next.batch, s.batch
	s.sends += s.next.sends
	s.largest.Store(max(s.largest.Load(), s.next.largest))
	s.next.sends, s.next.largest = 0, 0
	if s.sends > 1 || s.due() {
		return s.handOver(ctx, s.batch.Send, s.wait)
	}
	return nil
}

// smallTransaction is up to how many bytes a transaction waits for its offsets: what a loop
// that keeps up with a hundred thousand records a second sends at once.
const smallTransaction = 640 << 10

// due tells whether the records that were collected should be handed over.
func (s *producer) due() bool {
	if s.sends == 1 && !s.handed {
		return s.batch.Bytes() >= smallTransaction
	}
	return s.batch.Full()
}

// handOver repeats a call while the client's queue is full, which is back-pressure: more is
// waiting to be sent than SendBytes allows. The first records of a transaction must not come
// too early, unless its offsets are in.
func (s *producer) handOver(ctx context.Context, call func() error, wait func()) error {
	if !s.handed && s.Delivery == ExactlyOnce {
		s.settle.pause(s.settle.wait)
	}
	s.handed = true
	for {
		err := call()
		switch {
		case err == nil:
			return nil
		case code(err) != kafka.ErrQueueFull:
			return s.sized(s.cause(err))
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		s.flush(10 * time.Millisecond)
		wait()
	}
}

// produce sends one record by the client's public call.
func (s *producer) produce(r *outgoing) error {
	s.msg.TopicPartition.Topic = s.topic(r.to)
	s.msg.TopicPartition.Partition = r.partition % s.sizes[r.to]
	s.msg.Key, s.msg.Value, s.msg.Headers = r.key, r.value, s.msg.Headers[:0]
	for _, h := range r.headers {
		s.msg.Headers = append(s.msg.Headers, kafka.Header{Key: h.key, Value: h.value})
	}
	return s.p.Produce(&s.msg, nil)
}

func (s *producer) abort(ctx context.Context) {
	if s.p == nil {
		return
	}
	purge := kafka.PurgeQueue | kafka.PurgeInFlight | kafka.PurgeNonBlocking
	if err := s.p.Purge(purge); err != nil {
		s.Logger.Debug("purge producer", "error", err)
	}
	if s.Delivery == ExactlyOnce {
		// Best effort: if it fails, the successor's init aborts what is open.
		if err := s.p.AbortTransaction(ctx); err != nil {
			s.Logger.Debug("abort transaction", "error", err)
		}
	}
}

func (s *producer) close() {
	if s.p == nil {
		return
	}
	if s.blind != nil {
		s.blind()
		<-s.ended
	}
	for _, b := range []*crossing.Sender{s.batch, s.next.batch} {
		if b != nil {
			b.Close()
		}
	}
	if s.entry != nil {
		s.entry.Close()
	}
	if err := s.p.Purge(kafka.PurgeQueue | kafka.PurgeInFlight | kafka.PurgeNonBlocking); err != nil {
		s.Logger.Debug("purge producer", "error", err)
	}
	s.reminder.End()
	s.p.Close()
	<-s.done
}
