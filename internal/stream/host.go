package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrNoLoop is returned when a host is asked about a shard whose loop it does not run.
var ErrNoLoop = errors.New("no such loop in this process")

// Host keeps the loops of one process, so that a loop can outlive whoever started it.
//
// Whoever drives a shard attaches to it for a bounded time. When the session ends, by
// its budget, by a new history or because its driver cannot be reached, the loop goes
// on committing, and the next session adopts it: no pause, no second start. A loop to
// which nobody attaches in time drains and ends by itself, so none is forgotten.
//
// The danger is two loops for one shard. Within a host, attaching to a key that runs
// adopts the loop, or waits until a differing one has drained; between hosts, the
// transactional id fences the older one. A loop that has not reported for StuckAfter is
// adopted by nobody: the one that is started in its place fences it, should it ever wake.
type Host struct {
	grace   time.Duration
	mu      sync.Mutex
	loops   map[string]*hosted
	hanging map[string]int // loops that were given up, and have not woken up since
}

// NewHost makes a host whose loops live for grace after the budget of their last session.
func NewHost(grace time.Duration) *Host {
	return &Host{grace: grace, loops: make(map[string]*hosted), hanging: make(map[string]int)}
}

// Runner is a loop: *Loop, or a stand-in.
type Runner interface {
	Run(context.Context) (Checkpoint, error)
	Obey(context.Context, Orders) (Receipt, error)
	Stand(context.Context) (Receipt, error)
	InHand() (Batch, bool)
}

// Attachment says what to attach to and for how long.
type Attachment struct {
	Key    string        // the shard
	Wants  string        // whatever must be equal for a running loop to be adopted
	Lasts  time.Duration // the session's budget
	Owner  func(context.Context) bool
	Launch func(Hooks) (Runner, error) // makes the loop if none can be adopted
}

// Hooks bind a loop to whichever session is attached to it.
type Hooks struct {
	Progress   func(Progress)
	StillOwner func(context.Context) bool
}

// Attach joins the loop of a shard, or starts it. A session that was attached before
// ends as detached. ctx bounds only the wait for a differing loop to drain.
func (h *Host) Attach(ctx context.Context, a Attachment) (*Session, error) {
	for {
		l, running := h.loop(a.Key)
		if running && l.silence() > StuckAfter {
			h.abandon(a.Key, l)
			continue
		}
		switch {
		case running && l.wants == a.Wants:
			return l.attach(a, h.grace), nil
		case !running:
			if n := h.hangs(a.Key); n >= mostHanging {
				return nil, fmt.Errorf("%w: %d loops of %s hang in this process; restart the worker, and look at the record that its log names", ErrStuck, n, a.Key)
			}
			if s, err := h.launch(a); s != nil || err != nil {
				return s, err
			}
			continue
		}
		if _, err := h.Drain(ctx, a.Key); err != nil && !errors.Is(err, ErrNoLoop) {
			return nil, err
		}
	}
}

// launch makes a loop and starts it. Making one may take long, since it may have to fetch
// a model, and must not hold up the other shards; so it is made without the lock. If
// somebody else has started the shard meanwhile, the one made here is dropped and there is
// no session: a loop that does not run yet holds nothing.
func (h *Host) launch(a Attachment) (*Session, error) {
	l := &hosted{wants: a.Wants, done: make(chan struct{}), heard: time.Now()}
	runner, err := a.Launch(Hooks{Progress: l.report, StillOwner: l.stillOwner})
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, running := h.loops[a.Key]; running {
		return nil, nil
	}
	// The loop's life is its own: it ends by stop, not by the context of who attached.
	ctx, cancel := context.WithCancel(context.Background())
	l.runner, l.stop = runner, cancel
	h.loops[a.Key] = l
	s := l.attach(a, h.grace)
	go func() {
		defer cancel()
		l.end.checkpoint, l.end.err = runner.Run(ctx)
		h.forget(a.Key, l)
		close(l.done)
	}()
	return s, nil
}

func (h *Host) loop(key string) (*hosted, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l, running := h.loops[key]
	return l, running
}

// forget takes a loop out of the books, unless another one has its place already.
func (h *Host) forget(key string, l *hosted) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.loops[key] != l {
		return false
	}
	delete(h.loops, key)
	return true
}

// Detach ends the session of a shard and leaves its loop running.
func (h *Host) Detach(key string) error {
	l, running := h.loop(key)
	if !running {
		return ErrNoLoop
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil {
		l.session.detach()
		l.session = nil
	}
	return nil
}

// Drain lets the loop of a shard finish the batch in hand, commit and end. The session
// that is attached ends with it. A loop that hangs is not waited for: ErrStuck.
func (h *Host) Drain(ctx context.Context, key string) (Progress, error) {
	l, running := h.loop(key)
	if !running {
		return Progress{}, ErrNoLoop
	}
	l.stop()
	watch := time.NewTicker(time.Second)
	defer watch.Stop()
	for {
		select {
		case <-l.done:
			return l.final(), l.end.err
		case <-ctx.Done():
			return l.latest(), ctx.Err()
		case <-watch.C:
			if l.silence() > StuckAfter {
				h.abandon(key, l)
				return l.latest(), fmt.Errorf("drain %s: %w", key, ErrStuck)
			}
		}
	}
}

// Close drains every loop; those that have not ended when ctx does are left to Kafka's
// transaction timeout, which aborts what they have open.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	keys := make([]string, 0, len(h.loops))
	for key := range h.loops {
		keys = append(keys, key)
	}
	h.mu.Unlock()
	var group sync.WaitGroup
	errs := make([]error, len(keys))
	for i, key := range keys {
		group.Go(func() {
			if _, err := h.Drain(ctx, key); !errors.Is(err, ErrNoLoop) {
				errs[i] = err
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
