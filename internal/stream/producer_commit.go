package stream

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func (s *producer) commit(ctx context.Context, next []int64, notes []string) error {
	parts := make([]kafka.TopicPartition, len(next), len(next)+len(s.settled))
	for i, p := range s.from.parts {
		parts[i] = kafka.TopicPartition{Topic: p.Topic, Partition: p.Partition, Offset: kafka.Offset(next[i]), Metadata: &notes[i]}
	}
	if s.Delivery != ExactlyOnce {
		if err := s.handOverRest(ctx); err != nil {
			return err
		}
		return s.acknowledge(ctx, parts)
	}
	group, err := s.from.c.GetConsumerGroupMetadata()
	if err != nil {
		return err
	}
	if len(s.settled) > 0 {
		parts = append(parts, s.crossedOut()...)
	}
	offsets := func(ctx context.Context) error { return s.p.SendOffsetsToTransaction(ctx, parts, group) }
	commit := s.commitSmall
	if s.handed || s.batch == nil {
		commit = s.commitLarge
	}
	err = commit(ctx, offsets)
	if err == nil {
		s.settled = nil
	}
	return err
}

// commitLarge is for a transaction of which the client has records. The broker takes what
// is left of them while it takes the offsets; one after the other would make every commit
// longer by the time of a request or two.
func (s *producer) commitLarge(ctx context.Context, offsets func(context.Context) error) error {
	if err := s.handOverRest(ctx); err != nil {
		return err
	}
	begun := time.Now()
	defer s.drain()()
	if err := s.again(ctx, offsets); err != nil {
		return s.sized(s.cause(err))
	}
	sent := time.Now()
	err := s.again(ctx, func(ctx context.Context) error { return s.p.CommitTransaction(ctx) })
	s.settle.committed(sent.Sub(begun), time.Since(sent))
	return s.sized(s.cause(err))
}

// commitSmall is for a transaction whose records wait here. Its offsets go first: if the
// broker is not ready for the transaction, they are asked for again after 1 ms, and then after 2, where
// records would be after 20. As soon as it is ready, the records follow, while the offsets are on their way.
func (s *producer) commitSmall(ctx context.Context, offsets func(context.Context) error) error {
	join := s.follow(ctx)
	err := s.again(ctx, offsets)
	following := join()
	if err != nil {
		return s.sized(s.cause(err))
	}
	if following != nil {
		return following
	}
	s.handed = true // the broker is ready
	if err := s.handOverRest(ctx); err != nil {
		return err
	}
	err = s.again(ctx, func(ctx context.Context) error { return s.p.CommitTransaction(ctx) })
	s.settle.from = time.Now()
	return s.sized(s.cause(err))
}

// follow hands the records over when the broker lets the transaction in, in a goroutine beside the one that sends the offsets. That
// one calls join when the offsets have an answer.
func (s *producer) follow(ctx context.Context) (join func() error) {
	if s.entry == nil || s.batch.Bytes() == 0 {
		return func() error { return nil }
	}
	s.entry.Begin()
	done := make(chan error, 1)
	go func() {
		if !s.entry.Wait() {
			done <- nil
			return
		}
		s.handed = true
		done <- s.handOverRest(ctx)
	}()
	return func() error {
		s.settle.asked(s.entry.End())
		return <-done
	}
}

// handOverRest hands over what send has left.
func (s *producer) handOverRest(ctx context.Context) error {
	if s.batch == nil {
		return nil
	}
	return s.handOver(ctx, s.batch.Send, func() {})
}

// drain begins to send what still lingers, until all is acknowledged or stop is called.
func (s *producer) drain() (stop func()) {
	if s.batch == nil {
		return func() {} // the client's own commit does it, later
	}
	var stopped atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stopped.Load() && !s.batch.Flush(20*time.Millisecond) {
		}
	}()
	return func() {
		stopped.Store(true)
		<-done
	}
}

// acknowledge is the commit without transactions: everything sent is on the broker, then
// the offsets follow.
func (s *producer) acknowledge(ctx context.Context, next []kafka.TopicPartition) error {
	for !s.flush(100 * time.Millisecond) {
		if ctx.Err() != nil {
			return fmt.Errorf("%d records are not acknowledged: %w", s.p.Len(), ctx.Err())
		}
		if f := s.failure.Load(); f != nil {
			break
		}
	}
	// What was acknowledged may have left the client's queue and still be on its way to
	// watch, which takes part in this only after it has dealt with all of it.
	reached := make(chan struct{})
	select {
	case s.barrier <- reached:
		<-reached
	case <-s.done:
	}
	if f := s.failure.Load(); f != nil {
		return s.sized(f.err)
	}
	return s.again(ctx, func(context.Context) error {
		_, err := s.from.c.CommitOffsets(next)
		return err
	})
}

// flush waits until everything sent is acknowledged or has failed, and answers whether it is.
func (s *producer) flush(wait time.Duration) bool {
	if s.batch != nil {
		return s.batch.Flush(wait)
	}
	return s.p.Flush(int(wait.Milliseconds())) == 0
}

// again repeats a call while the client says that it may be repeated. The client waits for
// one broker's answer as long as a call may take, so no call may take all the time there is.
func (s *producer) again(ctx context.Context, call func(context.Context) error) error {
	attempt := func() error {
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		return call(ctx)
	}
	for {
		err := attempt()
		if err == nil || !retryable(err) {
			return err
		}
		s.note(err) // people may see why a commit takes its time
		select {
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}
