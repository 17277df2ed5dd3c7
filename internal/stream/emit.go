package stream

import (
	"context"
	"fmt"
	"log/slog"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
)

// score has a batch scored and sends the results. If the processor panics, the batch is
// cut in half until the record to blame is alone: log2(batch) + 1 panics for one bad
// record. That record becomes a dead letter, and the others are scored as usual.
func (s *session) score(ctx context.Context, in []record.Message) error {
	if what, poisoned := s.poisoned(in); poisoned {
		return s.condemn(ctx, &in[0], what)
	}
	what, stack := s.process(in)
	switch {
	case what == "":
		return s.emit(ctx, in)
	case s.History != nil:
		return s.sick(in, what, stack)
	case len(in) > 1:
		half := len(in) / 2
		if err := s.score(ctx, in[:half]); err != nil {
			return err
		}
		return s.score(ctx, in[half:])
	}
	s.Logger.Error("processor panics on a record; it goes to the dead letters",
		slog.Int("partition", int(in[0].Partition)), slog.Int64("offset", in[0].Offset),
		slog.String("panic", what), slog.String("stack", stack))
	return s.condemn(ctx, &in[0], what)
}

// condemn makes a record a dead letter that the processor panicked on.
func (s *session) condemn(ctx context.Context, m *record.Message, what string) error {
	s.sends = append(s.sends[:0], s.deadLetter(m, ReasonPanic, what))
	s.txn.DeadLetters++
	return s.deliver(ctx)
}

// process calls the processor and answers what it panicked with, if it did.
func (s *session) process(in []record.Message) (what, stack string) {
	s.out.Reset()
	return s.guard(in, func() { s.orders.Processor.Process(in, &s.out) })
}

// emit sends the results of a batch, in the order of its records. A record without a
// result would be lost in silence, so it becomes a dead letter as well.
func (s *session) emit(ctx context.Context, in []record.Message) error {
	s.sends = s.sends[:0]
	covered := 0 // records before this one have a result
	for i := range s.out.Results {
		r := &s.out.Results[i]
		if r.Input < 0 || r.Input >= len(in) {
			continue // a result of no record: nothing to name it by
		}
		for ; covered < r.Input; covered++ {
			s.reject(&in[covered], ReasonNoResult, "the processor gave no result")
		}
		covered = max(covered, r.Input+1)
		switch m := &in[r.Input]; r.Kind {
		case score.KindDeadLetter:
			s.reject(m, r.Reason, r.Detail)
		case score.KindForward:
			s.forward(m, r, s.out.Key(i), s.out.Value(i))
		case score.KindNothing:
		default:
			s.predict(m, s.out.Key(i), s.out.Value(i))
			if s.Stage > 0 {
				s.stamps = append(s.stamps, r.Timestamp) // latency is told from the source on
			}
		}
	}
	for ; covered < len(in); covered++ {
		s.reject(&in[covered], ReasonNoResult, "the processor gave no result")
	}
	return s.deliver(ctx)
}

func (s *session) predict(m *record.Message, key, value []byte) {
	if limit := s.limits.recordBytes; limit > 0 && len(key)+len(value) > limit {
		s.reject(m, ReasonTooLarge, "the prediction is larger than the output topic takes")
		return
	}
	s.txn.Predictions++
	if s.Sink == SinkConsole {
		s.printed = append(append(s.printed, value...), '\n')
		return
	}
	s.sends = append(s.sends, outgoing{to: toOutput, partition: m.Partition, key: key, value: value})
}

// forward sends what another stage goes on with. It is not cut, whatever its size: the
// topics of stages are ours, and are made to take any record.
func (s *session) forward(m *record.Message, r *score.Result, key, value []byte) {
	if r.To < 0 || r.To >= len(s.Forward) {
		s.reject(m, ReasonNoResult, "the processor hands the record on to a stage that there is not")
		return
	}
	s.txn.Forwarded++
	s.sends = append(s.sends, outgoing{to: toForward + destination(r.To), partition: r.Partition, key: key, value: value})
}

func (s *session) reject(m *record.Message, reason record.Reason, detail string) {
	s.txn.DeadLetters++
	s.sends = append(s.sends, s.deadLetter(m, reason, detail))
}

func (s *session) deliver(ctx context.Context) error {
	if s.collect() {
		return nil
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	return s.sending(ctx, func(ctx context.Context) error { return s.snk.send(ctx, s.sends) })
}

// sending makes a call that sends results.
func (s *session) sending(ctx context.Context, call func(context.Context) error) error {
	// As with the commit, the end of ctx does not cut a batch in two.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.TransactionTimeout)
	defer cancel()
	if err := call(ctx); err != nil {
		return fmt.Errorf("send results of %s: %w", s.id(), err)
	}
	return nil
}
