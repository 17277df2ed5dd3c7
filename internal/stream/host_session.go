package stream

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Session is one attachment to a running loop.
type Session struct {
	// Updates carries the loop's progress, the newest only: a reader that is slow, because
	// it waits for a server, never holds the loop up.
	Updates chan Progress

	loop     *hosted
	owner    func(context.Context) bool
	detached chan struct{}
	budget   <-chan time.Time
	once     sync.Once
}

func (l *hosted) attach(a Attachment, grace time.Duration) *Session {
	s := &Session{
		Updates: make(chan Progress, 1), loop: l, owner: a.Owner,
		detached: make(chan struct{}), budget: time.After(a.Lasts),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil {
		l.session.detach()
	}
	l.session = s
	if l.deadline != nil {
		l.deadline.Stop()
	}
	l.deadline = time.AfterFunc(a.Lasts+grace, l.stop)
	if !l.last.At.IsZero() {
		s.Updates <- l.last
	}
	return s
}

func (s *Session) detach() { s.once.Do(func() { close(s.detached) }) }

// Outcome says why a session ended.
type Outcome int

const (
	LoopEnded     Outcome = iota // the loop drained or failed; nothing runs any more
	BudgetSpent                  // the session's time is up; the loop runs on
	SessionEnded                 // asked to end, or another session took over; the loop runs on
	DriverStopped                // the driver's context ended; the loop runs on
	LoopStuck                    // the loop does not report; another one must take its place
)

// Wait returns when the session ends. Progress is that of the last report, or of the
// end; err is the loop's, or the context's.
func (s *Session) Wait(ctx context.Context, each func(Progress)) (Outcome, Progress, error) {
	watch := time.NewTicker(time.Second)
	defer watch.Stop()
	for {
		select {
		case <-watch.C:
			silence := s.loop.silence()
			if silence < StuckAfter {
				continue
			}
			inHand, holds := s.loop.runner.InHand()
			p := Silent(s.loop.latest(), inHand, holds, silence)
			each(p)
			s.leave()
			return LoopStuck, p, fmt.Errorf("%w: %s", ErrStuck, p.Stuck)
		case p := <-s.Updates:
			each(p)
		case <-s.loop.done:
			return LoopEnded, s.loop.final(), s.loop.end.err
		case <-s.budget:
			s.leave()
			return BudgetSpent, s.loop.latest(), nil
		case <-s.detached:
			return SessionEnded, s.loop.latest(), nil
		case <-ctx.Done():
			s.leave()
			return DriverStopped, s.loop.latest(), context.Cause(ctx)
		}
	}
}

// leave frees the loop's place for the next session, unless that one has it already.
func (s *Session) leave() {
	s.detach()
	s.loop.mu.Lock()
	defer s.loop.mu.Unlock()
	if s.loop.session == s {
		s.loop.session = nil
	}
}
