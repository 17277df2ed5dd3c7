package stream

import (
	"context"
	"fmt"
	"time"
)

// flight is a commit on its way to the broker. While the session is behind, it reads and
// scores meanwhile; the results are collected, and sent only after the commit has landed,
// since a producer has one transaction at a time. So there is a flight, or a transaction
// in hand, or neither, and never both.
//
// The flight owns copies of what the commit is about. Everything else stays with the
// goroutine of Run.
type flight struct {
	next    []int64
	texts   []string
	txn     Counts
	stamps  []int64
	printed []byte

	cancel context.CancelFunc
	ended  <-chan struct{} // its time is over
	start  time.Time       // by the loop's clock
	took   time.Duration   // set before done
	done   chan error      // nil: nothing is on its way
}

// commitTimeout bounds a commit. New clients are cheap: they cost a second, and what was not
// committed is read again. So it is short; but a broker that restarts should not cost the
// clients that would have found it again.
const commitTimeout = 12 * time.Second

// commit sends the transaction in hand on its way to be committed, if there is one. The end
// of ctx does not abort it. What it comes to is known when it has landed.
func (s *session) commit(ctx context.Context) {
	if !s.inHand {
		return
	}
	s.inHand = false
	f := &s.flight
	f.next, f.texts = append(f.next[:0], s.next...), append(f.texts[:0], s.texts...)
	f.txn, s.txn = s.txn, Counts{}
	f.stamps, s.stamps = s.stamps, f.stamps[:0]
	f.printed, s.printed = s.printed, f.printed[:0]
	ctx, f.cancel = context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	f.ended = ctx.Done()
	f.start, f.done = s.Now(), make(chan error, 1)
	go func(done chan<- error) {
		begun := time.Now()
		err := s.snk.commit(ctx, f.next, f.texts)
		f.took = time.Since(begun)
		if r, ok := s.snk.(rester); ok && err == nil {
			r.rest()
		}
		done <- err
	}(f.done)
}

// rester is a sink whose next transaction must not begin at once. The rest is taken before
// the next records are read, and not before they are sent: those that come meanwhile go
// with them, instead of waiting for one more commit.
type rester interface{ rest() }

// landed tells whether a commit that was on its way has an answer, which land takes without waiting.
func (s *session) landed() bool { return len(s.flight.done) > 0 }

// collector is a sink that takes results while a commit is on its way.
type collector interface {
	// collect keeps copies of records for the next transaction, or none of them if it has enough.
	collect(records []outgoing) bool
	// release sends them, in the transaction that has begun.
	release(ctx context.Context) error
}

// collect leaves results to the sink if they would have to wait for a commit.
func (s *session) collect() bool {
	c, ok := s.snk.(collector)
	if !ok || s.flight.done == nil || s.landed() || !c.collect(s.sends) {
		return false
	}
	s.ahead = true
	return true
}

// land waits for the commit that is on its way, if there is one, and takes it into the
// books. If it failed, its transaction is in hand again, to be aborted.
func (s *session) land(ctx context.Context) error {
	f := &s.flight
	if f.done == nil {
		return nil
	}
	start := s.Now()
	err := s.watch(f.ended, f.done)
	f.cancel()
	f.done = nil
	s.hand.empty()
	if err != nil {
		s.inHand = true
		return fmt.Errorf("commit %s: %w", s.id(), err)
	}
	s.cost += (min(elapsed(start, s.Now()), s.TransactionTimeout) - s.cost) / 4
	s.took += (min(f.took, s.TransactionTimeout) - s.took) / 4
	s.committed(f.start.Add(f.took), f.next, f.txn, f.stamps)
	s.print(f.printed)
	return nil
}

// finish commits all that was scored and waits until it is committed.
func (s *session) finish(ctx context.Context) error {
	if err := s.land(ctx); err != nil {
		return err
	}
	if s.ahead {
		if err := s.enter(ctx); err != nil {
			return err
		}
	}
	s.commit(ctx)
	return s.land(ctx)
}

// enter makes sure that there is a transaction in hand, and that what was collected for it is sent.
func (s *session) enter(ctx context.Context) error {
	if s.inHand {
		return nil
	}
	if err := s.land(ctx); err != nil {
		return err
	}
	if err := s.snk.begin(); err != nil {
		return fmt.Errorf("begin %s: %w", s.id(), err)
	}
	s.inHand = true
	s.hand.holding(s.began)
	if !s.ahead {
		return nil
	}
	s.ahead = false
	return s.sending(ctx, s.snk.(collector).release)
}

// holding notes that a transaction has begun.
func (h *hand) holding(since time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.batch = Batch{Since: since}
}

// print prints the predictions that were committed.
func (s *session) print(predictions []byte) {
	if len(predictions) == 0 {
		return
	}
	if _, err := s.Console.Write(predictions); err != nil {
		s.note(fmt.Errorf("%w: %w", errConsole, err)) // committed already: not a reason to score them again
	}
}
