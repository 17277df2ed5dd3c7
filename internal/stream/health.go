package stream

import (
	"cmp"
	"errors"
	"maps"
	"math"
	"sync/atomic"
	"time"
)

// health is what a loop knows about its troubles. Except for the statistics it belongs to
// the goroutine of Run.
type health struct {
	lastErr  string
	errAt    time.Time
	fault    Fault // of lastErr
	faults   map[Fault]int64
	warned   map[Fault]time.Time // when each kind was last logged
	restarts int64               // sessions that a fault has ended

	idle   time.Duration // since records were committed, or there were none
	looked time.Time     // when idle was brought up to date
	stuck  string

	withheld string

	lookout lookout
	looks   atomic.Pointer[glance] // the last, if nobody has taken it into account

	partitions atomic.Int32 // of the input, as counted last; 0 unknown

	reading, writing atomic.Pointer[statistics] // of the clients, as reported last
}

func newHealth() health {
	return health{
		faults: map[Fault]int64{}, warned: map[Fault]time.Time{},
		lookout: lookout{withheld: map[ground]*still{}, seized: map[ground]*still{}},
	}
}

// elapsed is the time between two readings of a clock. A clock that was set back in between
// tells nothing, so whatever waits for time to pass is due at once, instead of hours later.
// (time.Now carries a monotonic reading and cannot step; other clocks can.)
func elapsed(from, to time.Time) time.Duration {
	if d := to.Sub(from); d >= 0 {
		return d
	}
	return math.MaxInt64
}

// suffer takes a fault into the books, and answers whether it is time to log one of its
// kind again.
func (l *Loop) suffer(err error, at time.Time) (f Fault, log bool) {
	h := &l.health
	f = faultOf(err)
	h.faults[f]++
	if !f.vague() || !h.fault.named() || elapsed(h.errAt, at) > warnEvery {
		h.lastErr, h.errAt, h.fault = err.Error(), at, f
		if do := f.advice(l.Kafka); do != "" {
			h.lastErr += "; " + do
		}
	}
	if log = elapsed(h.warned[f], at) > warnEvery; log {
		h.warned[f] = at
	}
	return f, log
}

// errThrottled is noted when a broker holds its answers back.
var errThrottled = errors.New("kafka throttles this client")

// errConsole is noted when predictions cannot be printed.
var errConsole = errors.New("print predictions")

// seen takes the statistics of a client. It may be called from any goroutine.
func (l *Loop) seen(s *statistics) {
	if s.Type == "consumer" {
		l.health.reading.Store(s)
	} else {
		l.health.writing.Store(s)
	}
	if t := s.throttled(); t > 0 {
		l.note(&throttled{client: s.Type, longest: t})
	}
}

// throttled says how long a broker has held an answer back.
type throttled struct {
	client  string
	longest time.Duration
}

func (t *throttled) Error() string {
	return errThrottled.Error() + ": the " + t.client + "'s answers were held back by up to " + t.longest.String()
}
func (t *throttled) Is(target error) bool { return target == errThrottled }

// throttle is how long brokers hold answers back at the moment.
func (h *health) throttle() (longest time.Duration) {
	for _, s := range []*statistics{h.reading.Load(), h.writing.Load()} {
		if s != nil {
			longest = max(longest, s.throttled())
		}
	}
	return longest
}

// wellbeing is the part of Progress that tells of troubles.
func (l *Loop) wellbeing(p *Progress, at time.Time) {
	h := &l.health
	p.LastError, p.LastErrorAt = h.lastErr, h.errAt
	p.Faults, p.Restarts = maps.Clone(h.faults), h.restarts
	p.TopicPartitions = int(h.partitions.Load())
	p.Throttled, p.Stuck = h.throttle(), cmp.Or(h.stuck, h.withheld)
	if b, any := l.InHand(); any {
		p.BatchAge = max(0, at.Sub(b.Since))
	}
}
