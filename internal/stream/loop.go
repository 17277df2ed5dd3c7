package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
)

// Processor scores records. For every record of in it adds at least one result to out:
// predictions, or the reason why there are none. Key and Value of in are its to read until
// it returns. It is called from one goroutine. If it panics, the loop finds the record
// that is to blame and sends it to the dead letters.
type Processor interface {
	Process(in []record.Message, out *score.Output)
}

// Loop is one owner of a set of input partitions.
type Loop struct {
	Options
	wire  wire
	sleep func(context.Context, time.Duration) // between sessions, and while nothing may be read

	running atomic.Bool
	asks    chan *ask
	waiting []*ask // for the next session to open
	orders  Orders
	pace    pace
	state   State
	slots   []int32 // partition number -> index into Partitions, -1 not owned
	next    []int64 // of each of Partitions, as committed; -1 unknown
	stood   []int64 // of each of Partitions: committed for certain, whatever a broker says; -1 unknown
	ends    []int64 // the ends of the log as last seen
	counts  Counts
	meter   meter
	limits  limits
	health  health
	memory  memory
	passed  int64 // records with timestamps up to it need not wait; see abreast
	hand    hand
	commits time.Time // when the last one was
	told    time.Time // when Progress was last called
	trouble chan error
}

// NewLoop checks the options. It connects to nothing.
func NewLoop(o Options, p Processor) (*Loop, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("make loop for pipeline %q: %w", o.Pipeline, err)
	}
	if p == nil {
		return nil, fmt.Errorf("make loop for pipeline %q: no processor given", o.Pipeline)
	}
	if _, ok := p.(Absorber); o.History != nil && !ok {
		return nil, fmt.Errorf("make loop for pipeline %q: the processor (%T) keeps no history", o.Pipeline, p)
	}
	o.Logger = o.Logger.With(slog.String("pipeline", o.Pipeline), slog.String("topic", o.Topic), slog.String("partitions", ranges(o.Partitions)))
	l := &Loop{
		Options: o, sleep: sleep, state: StateStarting, asks: make(chan *ask),
		trouble: make(chan error, 16), health: newHealth(),
	}
	l.orders = o.Orders
	l.orders.Processor, l.orders.Model, l.orders.ModelVersion = p, o.Model, o.ModelVersion
	l.pace = pace{perSecond: o.Orders.PerSecond, filled: o.Now()}
	l.wire = &confluent{Options: o, note: l.note, seen: l.seen, looked: func(g glance) { l.health.looks.Store(&g) },
		count: func(n int) { l.health.partitions.Store(int32(n)) }, wait: func() { l.publish(false) }}
	l.slots = make([]int32, o.Partitions[len(o.Partitions)-1]+1)
	for i := range l.slots {
		l.slots[i] = -1
	}
	if o.History != nil {
		l.memory = memory{at: slices.Repeat([]int64{unknown}, len(o.Partitions)), careful: make([]int64, len(o.Partitions)), poison: map[place]string{}}
	}
	for i, p := range o.Partitions {
		l.slots[p] = int32(i)
		l.next = append(l.next, -1)
		l.ends = append(l.ends, -1)
		l.stood = append(l.stood, -1)
		for _, known := range o.Stood {
			if known.Partition == p {
				l.stood[i] = known.Next
			}
		}
	}
	return l, nil
}

// Run scores until ctx is done. Then it finishes the batch in hand, commits it, and
// returns the checkpoint: a cancelled ctx never aborts a commit in flight. Apart from that
// it returns only with ErrFenced, ErrOffsetLost, ErrHistoryLost or ErrOutdated; every other trouble it waits out. The
// checkpoint is valid in all cases. If the commit of the last batch fails while ctx is
// done, that batch is left to the next owner.
//
// A Loop runs once at a time.
func (l *Loop) Run(ctx context.Context) (Checkpoint, error) {
	if !l.running.CompareAndSwap(false, true) {
		return Checkpoint{}, fmt.Errorf("run loop of pipeline %s: it runs already", l.Pipeline)
	}
	defer l.running.Store(false)
	if l.History != nil {
		defer l.History.Close()
	}
	l.counts, l.health = Counts{}, newHealth()
	l.state = StateStarting
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		before := l.counts.Commits
		err := l.live(ctx)
		if l.counts.Commits > before {
			pause = firstPause
		}
		if errors.Is(err, errReposition) {
			continue
		}
		if err != nil {
			l.failed(err)
		}
		switch {
		case err == nil, errors.Is(err, ErrOffsetLost), errors.Is(err, ErrHistoryLost), errors.Is(err, ErrOutdated):
			return l.end(err)
		case fenced(err) && (l.StillOwner == nil || !l.StillOwner(ctx)):
			return l.end(fmt.Errorf("%w (%w)", ErrFenced, err))
		case ctx.Err() != nil:
			return l.end(nil)
		}
		l.state = StateRecovering
		l.publish(true)
		l.rest(ctx, pause)
		if errors.Is(err, ErrBehind) {
			l.standBack(ctx)
		}
	}
}

// standBack keeps a loop whose lease nobody confirms from taking its partitions over again at once. Another worker may have them: a
// broker that has forgotten commits has forgotten the newer orders, too, by which this loop would have ended; and a session that
// holds results against offsets takes seconds, in which it would be fenced again and again. It may also be that nobody can be asked,
// and the broker remembers after its next start: so it does go on.
func (l *Loop) standBack(ctx context.Context) {
	for left := standBackFor; left > 0 && l.StillOwner != nil && ctx.Err() == nil && !l.StillOwner(ctx); left -= lastPause {
		l.rest(ctx, lastPause)
	}
}

// Between sessions the loop pauses for firstPause, and twice as long each time up to
// lastPause while no commit succeeds.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second

	standBackFor = 2 * openTimeout
)

// openTimeout bounds how long a session may take to take over. It ends early when ctx is
// done, and is tried again when it fails.
const openTimeout = 30 * time.Second

// closeTimeout is how long the way out of a session may take.
const closeTimeout = 10 * time.Second

// live is the life of one session: a pair of clients, from their making to the first
// error, or to the drain. There is only this one way to recover: close both and begin anew
// from what the broker says is committed. It costs 0.2 to 0.7 s, and needs no second
// code path that rewinds clients in place.
func (l *Loop) live(ctx context.Context) error {
	src, snk, err := l.wire.dial(l.limits)
	if err != nil {
		return err
	}
	link := src
	if l.History != nil && len(l.Forward) > 0 && len(l.Partitions) > 1 {
		src = newMerger(src, l.Partitions, l.slots, l.Now)
	}
	s := newSession(l, src, snk)
	err = l.await(ctx, openTimeout, s.open)
	if s.abandoned(err) {
		return err
	}
	copy(l.next, s.next) // as far as open got
	copy(l.ends, s.end)
	if err == nil {
		l.state = StateRunning
		l.Logger.Info("stream runs", slog.String("from", fmt.Sprint(s.next)), slog.String("delivery", string(l.Delivery)))
		err = s.run(ctx)
	} else if ctx.Err() != nil && !fenced(err) {
		err = nil
	}
	if err != nil && s.inHand {
		l.counts.Aborts++
	}
	if s.abandoned(err) {
		return err
	}
	err = lacking(err, link)
	return errors.Join(err, l.await(context.WithoutCancel(ctx), closeTimeout, func(ctx context.Context) error {
		s.close(ctx, err != nil)
		return nil
	}))
}

// await makes a call that waits for Kafka, and reports progress while it does. The call's
// ctx ends after timeout, or with the given one. A call that does not heed that is left
// behind: the answer is then a *hungCall.
func (l *Loop) await(ctx context.Context, timeout time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- call(ctx) }()
	return l.watch(ctx.Done(), done)
}

// watch waits for the answer of a call whose time ends with ended, and reports progress.
func (l *Loop) watch(ended <-chan struct{}, done <-chan error) error {
	tick := time.NewTicker(l.ProgressInterval)
	defer tick.Stop()
	var overdue <-chan time.Time
	for {
		select {
		case err := <-done:
			return err
		case <-ended:
			ended, overdue = nil, time.After(patience)
		case <-overdue:
			return &hungCall{returned: done}
		case <-tick.C:
			l.publish(true)
		}
	}
}

// rest pauses, and reports progress while it does.
func (l *Loop) rest(ctx context.Context, pause time.Duration) {
	for pause > 0 && ctx.Err() == nil {
		part := min(pause, l.ProgressInterval)
		l.sleep(ctx, part)
		l.publish(false)
		pause -= part
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// end makes Run's answer.
func (l *Loop) end(err error) (Checkpoint, error) {
	l.publish(true)
	c := l.checkpoint()
	if err != nil {
		return c, fmt.Errorf("stream %s[%s] of pipeline %s: %w", l.Topic, ranges(l.Partitions), l.Pipeline, err)
	}
	l.Logger.Info("stream ends", slog.Any("checkpoint", c))
	return c, nil
}
