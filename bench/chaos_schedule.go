package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// kind is something that chaos does to a stream.
type kind string

// Faults.
const (
	workerKill     kind = "worker-kill"     // SIGKILL, and started again at once
	workerLost     kind = "worker-lost"     // SIGKILL for good; a replacement comes later
	workerFreeze   kind = "worker-freeze"   // SIGSTOP past the heartbeat's timeout, every third time past the transaction's, too; then SIGCONT
	brokerKill     kind = "broker-kill"     // SIGKILL, and started again at once
	brokerFreeze   kind = "broker-freeze"   // SIGSTOP, SIGCONT
	temporalStop   kind = "temporal-stop"   // SIGKILL, and started again later
	temporalFreeze kind = "temporal-freeze" // SIGSTOP, SIGCONT
	s3Stop         kind = "s3-stop"         // SIGKILL, and started again later
	mlflowStop     kind = "mlflow-stop"     // SIGKILL, and started again later
)

// Orders, given by the command line as a person gives them.
const (
	swapOrder  kind = "swap"  // to the other of two model versions
	scaleOrder kind = "scale" // to another number of shards
	pauseOrder kind = "pause" // and resume
	rateOrder  kind = "rate"  // a limit below what comes in, and its end
)

var faultKinds = []kind{workerKill, workerLost, workerFreeze, brokerKill, brokerFreeze, temporalStop, temporalFreeze, s3Stop, mlflowStop}

var orderKinds = []kind{swapOrder, scaleOrder, pauseOrder, rateOrder}

// target is what a fault is done to. Faults at once have targets of their own, except that
// two workers may be hit.
func (k kind) target() string {
	target, _, _ := strings.Cut(string(k), "-")
	return target
}

// act is a fault or an order of a step.
type act struct {
	kind  kind
	after time.Duration // since the beginning of the step
	lasts time.Duration // how long a service or a worker is away, or an order holds
	pick  uint64        // which worker, which number of shards
}

func (a act) String() string {
	if a.lasts > 0 {
		return fmt.Sprintf("%s for %.1f s", a.kind, a.lasts.Seconds())
	}
	return string(a.kind)
}

// asleep is a freeze of a worker past what a broker lets a transaction stay open. Nobody
// waits for its end: the sleeper wakes up in the middle of another step.
func (a act) asleep() bool { return a.kind == workerFreeze && a.lasts > time.Minute }

// step is a fault, or two or three at once, perhaps with an order in between. The next
// step begins when the stream has recovered from this one. What a step of several has
// taken away may still be away then, so that faults meet those of other steps, too.
type step struct {
	calm   time.Duration // before it
	faults []act
	orders []act
}

// alone tells whether the step has one fault and nothing else. Such a step begins when all
// is back that was away, and ends when its fault is over: its gap is the fault's own.
func (s step) alone() bool { return len(s.faults) == 1 && len(s.orders) == 0 }

// schedule draws steps. They depend on the seed and the kinds alone, so that a run can be
// repeated; how long a recovery takes is the machine's.
type schedule struct {
	random         *rand.Rand
	faults, orders bag
	frozen         int
}

func newSchedule(seed uint64, kinds []kind) *schedule {
	s := &schedule{random: rand.New(rand.NewPCG(seed, 0x6368616f73))}
	for _, k := range kinds {
		if slices.Contains(faultKinds, k) {
			s.faults.all = append(s.faults.all, k)
		} else {
			s.orders.all = append(s.orders.all, k)
		}
	}
	return s
}

// bag hands out all kinds before it hands out one again.
type bag struct{ all, left []kind }

func (b *bag) draw(random *rand.Rand) kind {
	if len(b.left) == 0 {
		b.left = slices.Clone(b.all)
		random.Shuffle(len(b.left), func(i, j int) { b.left[i], b.left[j] = b.left[j], b.left[i] })
	}
	k := b.left[0]
	b.left = b.left[1:]
	return k
}

// Shares of the steps: with at least so many faults, and with an order.
const (
	twoAtOnce    = .6
	threeAtOnce  = .3
	orderWithOne = .3 // of those with one fault, whose gap is told if nothing else is done
	orderWithTwo = .7
)

// next draws a step of at most some faults.
func (s *schedule) next(most int) step {
	st := step{calm: s.between(200*time.Millisecond, 2*time.Second)}
	share := s.random.Float64()
	for n, part := range []float64{1, twoAtOnce, threeAtOnce} {
		if share >= part || n >= most || n >= len(s.faults.all) {
			break
		}
		after := time.Duration(0)
		if n > 0 {
			after = s.between(0, 3*time.Second)
		}
		if f := s.fault(after); st.takes(f.kind) {
			st.faults = append(st.faults, f)
		} else {
			s.faults.left = append(s.faults.left, f.kind) // for another time
		}
	}
	order := orderWithOne
	if len(st.faults) > 1 {
		order = orderWithTwo
	}
	if len(s.orders.all) > 0 && s.random.Float64() < order {
		st.orders = append(st.orders, s.order())
	}
	return st
}

// takes tells whether a fault of a kind can be done besides those of the step.
func (s step) takes(k kind) bool {
	same := 0
	for _, f := range s.faults {
		if f.kind.target() == k.target() {
			same++
		}
	}
	return same == 0 || same == 1 && k.target() == "worker"
}

func (s *schedule) fault(after time.Duration) act {
	a := act{kind: s.faults.draw(s.random), after: after, pick: s.random.Uint64()}
	switch a.kind {
	case workerLost:
		a.lasts = s.between(6*time.Second, 12*time.Second)
	case workerFreeze:
		a.lasts = s.between(8*time.Second, 14*time.Second)
		if s.frozen++; s.frozen%3 == 0 {
			a.lasts += time.Minute // past what a broker lets a transaction stay open
		}
	case brokerFreeze:
		a.lasts = s.between(2*time.Second, 10*time.Second)
	case temporalStop, temporalFreeze, s3Stop, mlflowStop:
		a.lasts = s.between(5*time.Second, 20*time.Second)
	}
	return a
}

// order is given shortly before the fault, or while it lasts.
func (s *schedule) order() act {
	a := act{kind: s.orders.draw(s.random), after: s.between(0, 4*time.Second), pick: s.random.Uint64()}
	if a.kind == pauseOrder || a.kind == rateOrder {
		a.lasts = s.between(time.Second, 5*time.Second)
	}
	return a
}

func (s *schedule) between(from, to time.Duration) time.Duration {
	return from + time.Duration(s.random.Float64()*float64(to-from)).Round(time.Millisecond)
}
