package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// A broker that has forgotten commits (ErrBehind) is not the only witness to them: the
// transaction that committed an offset has committed a result for the record before it, and
// the result names that record. So what was scored can be told from the output and the dead
// letters, as surely as from the offsets. They are read after init: nobody can add to them.

// offsetsAtHand are the committed offsets, held against the results; where results were taken
// back, their records are scored again. changed tells that offsets must be committed, which
// also sets the broker's memory right.
func (s *session) offsetsAtHand(ctx context.Context) (marks []mark, changed bool, err error) {
	marks, cleared, err := s.readOffsets(ctx)
	if err != nil || !s.witnessed() {
		return marks, false, err
	}
	if s.plain() {
		if changed, err = s.takeBack(ctx, marks); err != nil {
			return nil, false, err
		}
	}
	behind := make([]error, len(marks))
	for i, m := range marks {
		behind[i] = s.behind(i, m)
	}
	if s.Repeatable {
		return marks, changed, s.repeat(ctx, marks, behind)
	}
	results, err := s.ask(ctx, nexts(marks), errors.Join(behind...), cleared)
	if err != nil || results == nil {
		return marks, changed, err
	}
	for i := range marks {
		m := &marks[i]
		if _, named := s.orders.Seek.to(s.Partitions[i]); named || m.Seek != "" {
			continue // results of before a seek say nothing about where it led
		}
		last, doubted := results[i], behind[i] != nil || cleared
		switch {
		case last.next <= m.next && m.next <= last.upTo:
			s.forget(i, m.next, behind[i])
			continue
		case last.upTo < max(m.next, s.stood[i]):
			continue // they were deleted
		case !doubted && !s.nextTo(*m, last):
			continue
		}
		if behind[i] == nil {
			// Nobody but the results says so. They may be of a topic of the same name that was deleted.
			if same, err := s.src.holds(ctx, s.Partitions[i], last); err != nil {
				return nil, false, fmt.Errorf("ask whether the results are of these records: %w", err)
			} else if !same {
				continue
			}
		}
		s.Logger.Warn("the broker has forgotten commits; going on behind the last record that has a committed result",
			slog.Int("partition", int(s.Partitions[i])), slog.Int64("broker says", m.next), slog.Int64("was committed", s.stood[i]), slog.Int64("goes on at", last.next),
			slog.String("do", "nothing for this stream; other groups of that coordinator may be behind, too: restart the broker that coordinates the group when it suits"))
		s.note(cmp.Or(behind[i], ErrBehind))
		m.next, changed = last.next, true
		m.Since = min(m.Since, m.next)
	}
	return marks, changed, nil
}

// nextTo tells whether a last result can be that of a commit that followed a mark, by this
// pipeline. Another one may write to the same topic; and before the first commit of a
// generation nothing there need be of it.
func (s *session) nextTo(m mark, last lastResult) bool {
	ours := last.model == "" || last.model == modelName(s.orders.Model, s.orders.ModelVersion)
	return ours && m.Generation != unordered && m.next > m.Since
}

// ask reads the results; nil is no answer. What a session knows of the commits before it is never
// all of them: its predecessor's last report may be a second old, and a commit may stand
// whose answer was lost. So it always asks; but where nothing speaks against the offsets, no
// answer is no fault, and the end of the results is enough.
func (s *session) ask(ctx context.Context, from []int64, behind error, cleared bool) ([]lastResult, error) {
	if behind == nil && !cleared {
		results, err := s.src.results(ctx, from, firstTail)
		if err != nil {
			s.Logger.Warn("cannot hold the committed offsets against the results; the broker is believed", slog.Any("error", err))
		}
		if slices.ContainsFunc(results, func(r lastResult) bool { return r.stray }) {
			if err := s.snk.unhide(ctx); err != nil {
				return nil, fmt.Errorf("abort results of what is not committed: %w", err)
			}
		}
		return results, nil
	}
	// A loop whose partitions were given to others while it was frozen is told so by the
	// generation in the offsets, which may be forgotten, too. So its lease is asked.
	if s.StillOwner == nil || !s.StillOwner(ctx) {
		return nil, nil
	}
	if !s.plain() {
		if err := s.snk.unhide(ctx); err != nil {
			return nil, errors.Join(behind, err)
		}
	}
	results, err := s.src.results(ctx, from, lastTail)
	if err != nil {
		return nil, errors.Join(behind, fmt.Errorf("ask the results for what is committed: %w", err))
	}
	return results, nil
}

// forget gives up an offset that is known to have been committed, where the broker's offsets
// and the results agree that it is not: both have lost the transaction, and so it never was.
func (s *session) forget(i int, at int64, behind error) {
	if behind == nil {
		return
	}
	s.Logger.Warn("a transaction that the broker had confirmed is neither in the offsets nor in the results; its records are scored again",
		slog.Any("error", behind), slog.String("do", "nothing for this stream; the broker has broken its word (KAFKA-20734): upgrade it when that is mended"))
	s.note(behind)
	s.stood[i] = at
}

// repeat believes offsets that are too old, where that repeats what may be repeated. The lease is asked, as in ask.
func (s *session) repeat(ctx context.Context, marks []mark, behind []error) error {
	for i, err := range behind {
		if err == nil {
			continue
		}
		if s.StillOwner == nil || !s.StillOwner(ctx) {
			return nil
		}
		s.Logger.Warn("the broker has forgotten commits; handing labels on again, of which the stages take the first",
			slog.Int("partition", int(s.Partitions[i])), slog.Int64("from", marks[i].next), slog.Int64("was committed", s.stood[i]),
			slog.String("do", "nothing for this stream; other groups of that coordinator may be behind, too: restart the broker that coordinates the group when it suits"))
		s.note(err)
		s.stood[i] = marks[i].next
	}
	return nil
}

// takeBack aborts results that no transaction covers any more, and goes back to the first of
// their records where their offsets were committed.
func (s *session) takeBack(ctx context.Context, marks []mark) (changed bool, err error) {
	gone, err := s.snk.leftovers(ctx)
	if err != nil {
		return false, err
	}
	for i, p := range s.Partitions {
		m := &marks[i]
		first, some := gone[p]
		if !some || first >= m.next {
			continue
		}
		s.Logger.Warn("results were not committed with their offsets; their records are scored again", slog.Int("partition", int(p)),
			slog.Int64("from", first), slog.Int64("to", m.next), slog.String("do", "nothing for this stream; upgrade the broker when KAFKA-20734 is mended"))
		m.next, changed = first, true
		m.Since = min(m.Since, first)
		s.stood[i] = min(s.stood[i], first)
	}
	return changed, nil
}

// witnessed tells whether every record that was committed has a committed result that can be
// read again: a prediction, a dead letter, or what was handed on to the next stage. Labels have none (results_stages.go).
func (s *session) witnessed() bool { return s.Delivery == ExactlyOnce && s.Sink == SinkKafka }

// plain tells whether results are of one stage that knows nothing of the records before. What is handed on stands among what
// others hand on, whose open transactions cannot be told from what the end of one of ours has missed.
func (s *session) plain() bool { return s.Stage == 0 && len(s.Forward) == 0 && s.History == nil }
