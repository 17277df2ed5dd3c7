package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"temporal-streaming/internal/stream/transact"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kerr"
)

// transactor is the sink where brokers have the second version of transactions, which the client library does not speak: the transactional id
// is package transact's, and the client only looks out. What earlier owners have left is settled by a client of its own, for which it claims
// the id; then package transact claims it anew. Where brokers do not have that version the client is to write instead.
type transactor struct {
	*producer
	limits limits
	t      *transact.Producer

	headers []transact.Header // reused
	offsets []transact.Offset
}

func (s *transactor) init(ctx context.Context) error {
	reach, err := s.Kafka.Reach("temporal-streaming-" + s.Pipeline)
	if err != nil {
		return err
	}
	t, err := transact.New(transact.Config{
		Reach: reach, ID: TransactionalID(s.Pipeline, s.Stage, s.Topic, s.Partitions),
		TransactionTimeout: s.TransactionTimeout, AnswerTimeout: min(answerTimeout, s.TransactionTimeout),
		Group: s.Group, Topics: append([]string{s.Output, s.DeadLetters}, s.Forward...), BatchBytes: s.batchBytes(s.limits),
		Note: func(err error) { s.note(s.named(err)) }, Held: s.hold, Nap: nap,
	})
	if err != nil {
		return err
	}
	if err := t.Prepare(ctx); err != nil {
		t.Close()
		if errors.Is(err, transact.ErrUnsupported) {
			s.first.Do(func() { s.Logger.Info("the client library writes the transactions", "reason", err) })
			return errUnsuitable
		}
		return s.named(err)
	}
	s.t, s.producer.lend = t, s.lend
	if s.p, err = kafka.NewProducer(s.config); err != nil {
		return err
	}
	go s.forward(s.p.Logs())
	s.done = make(chan struct{})
	go s.watch()
	claimed := make(chan error, 1)
	go func() { claimed <- s.named(t.Claim(ctx)) }()
	err = s.look(ctx)
	return errors.Join(<-claimed, err)
}

// lend has a call made by a client that owns the id for as long.
func (s *transactor) lend(ctx context.Context, call func(*producer) error) error {
	by := s.confluent.producer(s.from, s.limits)
	err := by.init(ctx)
	if err == nil {
		err = call(by)
	}
	by.close()
	if err == nil {
		err = s.named(s.t.Claim(ctx))
	}
	if err == nil {
		err = errSettled
	}
	return err
}

func (s *transactor) instead() sink { return s.producer }

func (s *transactor) begin() error {
	s.largest.Store(0)
	s.sends = 0
	return nil
}

func (s *transactor) light() {}

func (s *transactor) rest() { s.settle.pause(s.settle.soon) }

func (s *transactor) send(ctx context.Context, records []outgoing) error {
	s.sends++
	now := time.Now().UnixMilli()
	for i := range records {
		r := &records[i]
		s.largest.Store(max(s.largest.Load(), int64(len(r.key)+len(r.value))))
		to, partition, headers := int(r.to), r.partition%s.sizes[r.to], s.headersOf(r)
		if !s.t.Fits(to, partition, r.key, r.value, headers) {
			if err := s.named(s.t.Send(ctx, s.wait)); err != nil {
				return err
			}
		}
		s.t.Add(to, partition, r.key, r.value, headers, now)
	}
	return s.sendMuch(ctx)
}

// sendMuch sends what was collected if it should not wait for the commit: it is much, or not the first of the transaction.
func (s *transactor) sendMuch(ctx context.Context) error {
	if s.sends < 2 && s.t.Bytes() < min(smallTransaction, s.SendBytes) {
		return nil
	}
	return s.named(s.t.Send(ctx, s.wait))
}

func (s *transactor) headersOf(r *outgoing) []transact.Header {
	s.headers = s.headers[:0]
	for _, h := range r.headers {
		s.headers = append(s.headers, transact.Header{Key: h.key, Value: h.value})
	}
	return s.headers
}

func (s *transactor) collect(records []outgoing) bool {
	more := 0
	for i := range records {
		r := &records[i]
		more += transact.Size(r.key, r.value, s.headersOf(r))
	}
	if s.t.AheadBytes()+more > min(enoughAhead, s.batchBytes(s.limits)) { // all of it may go to one partition
		return false
	}
	now := time.Now().UnixMilli()
	for i := range records {
		r := &records[i]
		s.next.largest = max(s.next.largest, int64(len(r.key)+len(r.value)))
		s.t.Ahead(int(r.to), r.partition%s.sizes[r.to], r.key, r.value, s.headersOf(r), now)
	}
	return true
}

func (s *transactor) release(ctx context.Context) error {
	s.largest.Store(max(s.largest.Load(), s.next.largest))
	s.next.largest = 0
	s.sends++
	s.t.Release()
	return s.sendMuch(ctx)
}

func (s *transactor) commit(ctx context.Context, next []int64, notes []string) error {
	s.offsets = s.offsets[:0]
	for i, p := range s.from.parts {
		s.offsets = append(s.offsets, transact.Offset{Topic: s.Topic, Partition: p.Partition, Offset: next[i], Note: notes[i]})
	}
	if len(s.settled) > 0 {
		for _, p := range s.crossedOut() {
			note := ""
			if p.Metadata != nil {
				note = *p.Metadata
			}
			s.offsets = append(s.offsets, transact.Offset{Topic: *p.Topic, Partition: p.Partition, Offset: int64(p.Offset), Note: note})
		}
	}
	refused, err := s.t.Commit(ctx, s.offsets)
	if err != nil {
		return s.named(err)
	}
	s.settle.asked(1 + refused)
	s.settle.from = time.Now()
	s.settled = nil
	return nil
}

func (s *transactor) abort(ctx context.Context) {
	if err := s.t.Abort(ctx); err != nil { // best effort: if it fails, the successor's claim aborts what is open
		s.Logger.Debug("abort transaction", "error", err)
	}
}

func (s *transactor) close() {
	if s.t != nil {
		s.t.Close()
	}
	s.producer.close()
}

// named gives an error the code by which the client would name it: the numbers are the protocol's.
func (s *transactor) named(err error) error {
	var (
		protocol *kerr.Error
		wire     net.Error
		code     kafka.ErrorCode
	)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.ConcurrentTransactions):
		return fmt.Errorf("%w: %w", errRefused, err)
	case errors.As(err, &protocol):
		code = kafka.ErrorCode(protocol.Code)
	case errors.Is(err, transact.ErrTime), errors.Is(err, context.DeadlineExceeded):
		code = kafka.ErrTimedOut
	case errors.As(err, &wire):
		code = kafka.ErrTransport
	default:
		return err
	}
	return s.sized(fmt.Errorf("%w: %w", kafka.NewError(code, code.String(), false), err))
}
