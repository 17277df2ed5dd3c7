package stream

import (
	"context"
	"errors"
	"fmt"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
)

// Retire ends the rights of an owner of partitions for good. Call it for every owner of an
// old division of the partitions before anyone reads offsets under the new one, with the
// generation that the new one begins with.
//
// Fencing the owner's transactional id alone is not enough: an owner that was frozen while
// it started over would wake up, take its id back, and commit beside the new owners. So the
// offsets are committed again as they are, under the owner's own id and with the new
// generation. Whenever the old owner takes its id back, before or after:
//
//   - before: it is fenced by this call;
//   - in the middle: this call is fenced and fails, to be made again;
//   - after: it reads a newer generation than its orders have, and ends with ErrOutdated.
//
// Calling it again is harmless. o says who is retired: pipeline, stage, group, topic,
// partitions, start. Where the broker has forgotten commits, results are taken for them only
// if o.StillOwner says so, as for a loop.
func Retire(ctx context.Context, o Options, generation int64) error {
	o.Orders = Orders{Generation: generation}
	o.ClientCommits = true // it takes less to begin, and there is one commit
	l, err := NewLoop(o, nobody{})
	if err != nil {
		return fmt.Errorf("retire an owner of %s: %w", o.Topic, err)
	}
	src, snk, err := l.wire.dial(l.limits)
	if err != nil {
		return fmt.Errorf("retire the owner of %s[%s]: %w", l.Topic, ranges(l.Partitions), err)
	}
	s := newSession(l, src, snk)
	err = s.retire(ctx)
	s.close(context.WithoutCancel(ctx), err != nil)
	if errors.Is(err, ErrOutdated) {
		return nil // retired already, by a newer division
	}
	if err != nil {
		return fmt.Errorf("retire the owner of %s[%s]: %w", l.Topic, ranges(l.Partitions), err)
	}
	return nil
}

func (s *session) retire(ctx context.Context) error {
	if err := s.snk.init(ctx); err != nil {
		return err
	}
	marks, _, err := s.offsetsAtHand(ctx)
	if err != nil {
		return err
	}
	if _, err := s.follow(marks); err != nil {
		return err
	}
	s.next = nexts(marks)
	if missing(s.next) {
		first, end, err := s.src.bounds(ctx)
		if err != nil {
			return err
		}
		begin, err := s.begin(ctx, first, end)
		if err != nil {
			return err
		}
		for i := range s.next {
			if s.next[i] < 0 {
				s.next[i] = begin[i]
			}
		}
	}
	s.since()
	return s.pin(ctx)
}

// nobody scores nothing.
type nobody struct{}

func (nobody) Process([]record.Message, *score.Output) {}
