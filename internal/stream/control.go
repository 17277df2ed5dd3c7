package stream

import (
	"context"
	"errors"
	"fmt"
)

// ask is an order on its way to the goroutine of Run.
type ask struct {
	orders *Orders // nil: commit what is in hand and tell where the loop stands
	answer chan answer
}

type answer struct {
	receipt Receipt
	err     error
}

// Obey has the running loop obey new orders and answers since where they are in force. The
// batch in hand is committed before. Orders of the generation in force are answered again;
// older ones are refused with ErrOutdated. It waits while the loop recovers, as long as ctx
// lives; after an error the orders may or may not be in force, and may be given again.
func (l *Loop) Obey(ctx context.Context, o Orders) (Receipt, error) {
	if err := o.validate(); err != nil {
		return Receipt{}, fmt.Errorf("obey orders of generation %d: %w", o.Generation, err)
	}
	r, err := l.ask(ctx, &o)
	if err != nil {
		return r, fmt.Errorf("obey orders of generation %d: %w", o.Generation, err)
	}
	return r, nil
}

// Stand commits the batch in hand and answers where the loop stands.
func (l *Loop) Stand(ctx context.Context) (Receipt, error) {
	r, err := l.ask(ctx, nil)
	if err != nil {
		return r, fmt.Errorf("ask the loop where it stands: %w", err)
	}
	return r, nil
}

func (l *Loop) ask(ctx context.Context, o *Orders) (Receipt, error) {
	a := &ask{orders: o, answer: make(chan answer, 1)}
	select {
	case l.asks <- a:
	case <-ctx.Done():
		return Receipt{}, fmt.Errorf("the loop is not ready (%s): %w", l.Topic, ctx.Err())
	}
	select {
	case got := <-a.answer:
		return got.receipt, got.err
	case <-ctx.Done():
		return Receipt{}, ctx.Err()
	}
}

// obey takes the orders that have come, between two transactions. A seek ends the session
// with errReposition; the next one begins at the new offsets and answers.
func (s *session) obey(ctx context.Context) error {
	var a *ask
	select {
	case a = <-s.asks:
	default:
		return nil
	}
	if err := s.finish(ctx); err != nil {
		a.answer <- answer{err: err}
		return err
	}
	switch o := a.orders; {
	case o == nil || o.Generation == s.orders.Generation:
		a.answer <- answer{receipt: s.receipt()}
		return nil
	case o.Generation < s.orders.Generation:
		a.answer <- answer{err: fmt.Errorf("%w: generation %d", ErrOutdated, s.orders.Generation)}
		return nil
	default:
		if err := s.inherit(o.Processor); err != nil {
			a.answer <- answer{err: err}
			return nil
		}
	}
	switch o := a.orders; {
	case s.moves(o.Seek): // the next session commits them
		s.adopt(*o)
		s.waiting = append(s.waiting, a)
		return errReposition
	default:
		s.adopt(*o)
		s.since()
		// Committed at once: whoever starts from here with older orders, because it was told to
		// before these were given, finds out.
		if err := s.await(context.WithoutCancel(ctx), commitTimeout, s.pin); err != nil {
			a.answer <- answer{err: err}
			return fmt.Errorf("commit the orders of generation %d: %w", o.Generation, err)
		}
	}
	a.answer <- answer{receipt: s.receipt()}
	return nil
}

// adopt makes orders those of the loop.
func (l *Loop) adopt(o Orders) {
	if o.Processor == nil {
		o.Processor, o.Model, o.ModelVersion = l.orders.Processor, l.orders.Model, l.orders.ModelVersion
	}
	l.orders = o
	l.pace = pace{perSecond: o.PerSecond, filled: l.Now()}
	l.Logger.Info("new orders", "generation", o.Generation, "model", o.Model+"@"+o.ModelVersion, "paused", o.Paused, "per_second", o.PerSecond)
}

// moves tells whether a seek still has to be done for a partition of this loop.
func (s *session) moves(k *Seek) bool {
	for i, p := range s.Partitions {
		if _, named := k.to(p); named && s.notes[i].Seek != k.ID {
			return true
		}
	}
	return false
}

// since begins the generation of the loop's orders at the next offsets, where it has not
// begun already.
func (s *session) since() {
	for i := range s.notes {
		if n := &s.notes[i]; n.Generation != s.orders.Generation {
			n.Generation, n.Since = s.orders.Generation, s.next[i]
		}
		s.texts[i] = s.notes[i].text()
	}
}

// receipt may be called between transactions only, when next is what is committed.
func (s *session) receipt() Receipt {
	r := Receipt{Generation: s.orders.Generation, At: s.Now(), Partitions: make([]Took, len(s.Partitions))}
	for i, p := range s.Partitions {
		n := s.notes[i]
		r.Partitions[i] = Took{Partition: p, Since: n.Since, Next: s.next[i], Before: n.Since}
		if k := s.orders.Seek; k != nil && n.Seek == k.ID && n.Generation == s.orders.Generation {
			r.Partitions[i].Before = n.Before
		}
	}
	return r
}

// reply answers those who waited for the session to open.
func (s *session) reply() {
	for _, a := range s.waiting {
		a.answer <- answer{receipt: s.receipt()}
	}
	s.waiting = nil
}

// errReposition ends a session that is to go on at other offsets.
var errReposition = errors.New("seek")

// follow takes the committed marks as the beginning of the session's notes, and does the
// seek of the orders where the marks do not say that it was done. marks then hold where to
// go on; changed says that they are not what is committed.
func (s *session) follow(marks []mark) (changed bool, err error) {
	s.notes, s.texts = make([]note, len(marks)), make([]string, len(marks))
	for i := range marks {
		m := &marks[i]
		if m.Generation > s.orders.Generation {
			return false, fmt.Errorf("%w: partition %d was read under generation %d, these are of %d", ErrOutdated, s.Partitions[i], m.Generation, s.orders.Generation)
		}
		s.notes[i] = m.note
		changed = changed || m.Generation != s.orders.Generation
		if next, named := s.orders.Seek.to(s.Partitions[i]); named && m.Seek != s.orders.Seek.ID {
			s.notes[i] = note{Generation: s.orders.Generation, Since: next, Seek: s.orders.Seek.ID, Before: max(0, m.next)}
			m.next, changed = next, true
			continue
		}
		if err := s.behind(i, *m); err != nil {
			return false, err
		}
	}
	return changed, nil
}

// nexts are the offsets of marks.
func nexts(marks []mark) []int64 {
	next := make([]int64, len(marks))
	for i, m := range marks {
		next[i] = m.next
	}
	return next
}
