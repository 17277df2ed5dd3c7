package stream

import (
	"context"
	"errors"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// cause answers why the transaction has failed. Once it has, the client refuses further
// records with nothing but "erroneous state" or "fatal error"; taken at its word, a fenced
// loop would not know that it is fenced, would rebuild, and so fence its successor.
func (s *producer) cause(err error) error {
	if err == nil {
		return nil
	}
	if fatal := s.p.GetFatalError(); fatal != nil {
		return fatal
	}
	if s.Delivery != ExactlyOnce || code(err) != kafka.ErrState {
		return err
	}
	// Every call for the transaction answers the first error of it. This one would do no
	// harm if there was none, since the transaction is going to be aborted.
	group, e := s.from.c.GetConsumerGroupMetadata()
	if e != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if first := s.p.SendOffsetsToTransaction(ctx, s.from.parts, group); first != nil {
		return first
	}
	return err
}

// sized marks an error whose cause is that a record was too large. A transaction only
// says that it failed; the delivery report says why.
func (s *producer) sized(err error) error {
	if err == nil {
		return nil
	}
	cause := err
	if f := s.failure.Load(); f != nil && code(f.err) == kafka.ErrMsgSizeTooLarge {
		cause = f.err
	}
	if code(cause) != kafka.ErrMsgSizeTooLarge {
		return err
	}
	return &errTooLarge{size: int(s.largest.Load()), cause: errors.Join(err, cause)}
}
