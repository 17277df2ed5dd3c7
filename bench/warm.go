package main

import (
	"context"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"temporal-streaming/test/stack"
)

// A broker that has just started compiles itself while it serves: on two slow cores that takes half of one of them
// for more than a minute, and the latency of that minute is the compiler's.
const (
	warmLook  = 5 * time.Second
	warmCores = 0.1             // that compilers may still take
	warmMost  = 2 * time.Minute // they come back for rare paths without end
)

// warmed is closed when the broker has been sent to for at least so long, and its compilers rest, as do those of other programs if
// they are Java's. Of a broker of somebody else's nothing is known but the time.
func (s *site) warmed(ctx context.Context, least time.Duration, others ...int) <-chan struct{} {
	warm := make(chan struct{})
	broker := 0
	if !s.given {
		broker, _ = s.devstack.PID(ctx, stack.Kafka) // unknown: as somebody else's
	}
	compilers := func() (used time.Duration) {
		for _, pid := range append(others, broker) {
			used += compilers(pid)
		}
		return used
	}
	go func() {
		defer close(warm)
		began, before := time.Now(), compilers()
		for past := time.Duration(0); past < least; {
			if sleep(ctx, warmLook) != nil {
				return
			}
			now := compilers()
			cores := (now - before).Seconds() / warmLook.Seconds()
			past, before = time.Since(began), now
			if past >= least && cores > warmCores && past < warmMost {
				least = past + 1
			}
			if past < least && broker > 0 {
				s.bench.say("  warming up: compilers take %.2f cores", cores)
			}
		}
	}()
	return warm
}

// warmUp calls drain, with the number of the drain, for at least so long and until the compilers of the broker rest
// meanwhile. Of a broker of somebody else's nothing is known but the time.
func (s *stage) warmUp(least time.Duration, drain func(n int) error) error {
	for n, began := 1, time.Now(); least > 0; n++ {
		start, before := time.Now(), compilers(s.broker)
		if err := drain(n); err != nil {
			return err
		}
		cores := (compilers(s.broker) - before).Seconds() / time.Since(start).Seconds()
		if s.broker > 0 {
			s.bench.say("  warming up: the broker's compilers took %.2f cores", cores)
		}
		s.warm = time.Since(began)
		if s.warm >= warmMost || s.warm >= least && cores <= warmCores {
			return nil
		}
	}
	return nil
}

// counting tells which of the messages that are sent count: so many, after the warm-up.
type counting struct {
	warm  <-chan struct{}
	many  int64
	first atomic.Int64 // that counts
	total atomic.Int64 // of all
}

func newCounting(many int64, warm <-chan struct{}) *counting {
	c := &counting{warm: warm, many: many}
	c.first.Store(math.MaxInt64)
	c.total.Store(math.MaxInt64)
	return c
}

// more tells whether message n is to be sent. It is asked before each, by the sender alone.
func (c *counting) more(n int64) bool {
	select {
	case <-c.warm:
		c.warm = nil
		c.first.Store(n)
		c.total.Store(n + c.many)
	default:
	}
	return n < c.total.Load()
}

func (c *counting) counts(n int64) bool { return n >= c.first.Load() }

// compilers is the processor time of a Java process's just-in-time compilers.
func compilers(pid int) (used time.Duration) {
	for name, it := range threadTimes(pid) {
		if strings.HasPrefix(name, "C1 Compiler") || strings.HasPrefix(name, "C2 Compiler") {
			used += it
		}
	}
	return used
}
