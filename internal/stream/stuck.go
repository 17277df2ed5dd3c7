package stream

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"temporal-streaming/internal/record"
)

// ErrStuck is the fault of a loop that does not get on though nothing holds it up that it
// knows of. It has two shapes.
//
// A *silent* loop hangs in a call that is not its own: the processor, StillOwner, Progress
// or the console. It cannot say so; whoever runs it sees that Progress has not been called
// for StuckAfter, asks InHand what it is at, and starts another loop, which fences it.
//
// A *stalled* loop reports, is connected, may read, and yet has committed nothing for
// StalledAfter while records wait. It says so in Progress.Stuck, and replaces its clients.
var ErrStuck = errors.New("stuck")

const (
	StuckAfter   = 10 * time.Second // without a report; ProgressInterval is far below it
	StalledAfter = 30 * time.Second // without a commit, while records wait
)

// Batch is what a loop has in hand.
type Batch struct {
	Since     time.Time // when its transaction began
	Scoring   bool      // the processor has it right now; the rest is about these records
	Partition int32     // of the first record
	Offset    int64     // of the first record
	Records   int
}

// hand guards a Batch: the loop writes it, anybody reads it.
type hand struct {
	mu    sync.Mutex
	batch Batch
}

// InHand answers what the loop is at; false if nothing. It may be called from any
// goroutine, in particular while Run hangs.
func (l *Loop) InHand() (Batch, bool) {
	l.hand.mu.Lock()
	defer l.hand.mu.Unlock()
	return l.hand.batch, !l.hand.batch.Since.IsZero()
}

// scoring notes that the processor is given records, and returned that it gave them back.
func (h *hand) scoring(began time.Time, in []record.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.batch = Batch{Since: began, Scoring: true, Partition: in[0].Partition, Offset: in[0].Offset, Records: len(in)}
}

func (h *hand) returned() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.batch.Scoring = false
}

// empty notes that the transaction has ended.
func (h *hand) empty() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.batch = Batch{}
}

// Silent is the progress of a loop that has not reported for so long: its last one, with
// what is known from outside. inHand is what InHand answered.
func Silent(last Progress, inHand Batch, holds bool, silence time.Duration) Progress {
	p := last
	at := "it is not in the processor: standard output, or whoever is told of progress, blocks it"
	if holds && inHand.Scoring {
		at = fmt.Sprintf("the processor has %d records from partition %d, offset %d", inHand.Records, inHand.Partition, inHand.Offset)
	}
	p.Stuck = fmt.Sprintf("the loop has not reported for %s; %s; another loop takes over; if it happens again, restart the worker and look at that record", silence.Round(time.Second), at)
	p.LastError, p.LastErrorAt = p.Stuck, last.At.Add(silence)
	p.Faults = maps.Clone(last.Faults)
	if p.Faults == nil {
		p.Faults = map[Fault]int64{}
	}
	p.Faults[FaultStuck]++
	p.BatchAge = last.BatchAge + silence
	return p
}

// stall answers an error when the loop is stalled, which ends the session: clients that
// have seized up are replaced. It is asked between two batches, so a batch that takes long
// or a commit that waits for Kafka is no stall.
func (l *Loop) stall(at time.Time) error {
	h := &l.health
	// No look counts for more than two of its intervals, so a clock that steps on is no stall.
	passed := min(elapsed(h.looked, at), 2*l.ProgressInterval)
	h.looked = at
	if !l.backlog() {
		h.idle, h.stuck = 0, ""
		return nil
	}
	if h.idle += passed; h.idle < StalledAfter {
		return nil
	}
	err := fmt.Errorf("%w: %d records wait and none was committed for %s although Kafka answers", ErrStuck, l.lag(), h.idle.Round(time.Second))
	h.idle, h.stuck = 0, err.Error()+"; "+FaultStuck.advice(l.Kafka)
	return err
}

// backlog tells whether records could be read and are not. The statistics of the consumer
// are exact: they leave out what is not committed yet, and the marks of transactions, which
// count in a lag. Where a rate is set, waiting is what was asked for.
func (l *Loop) backlog() bool {
	if l.orders.Paused || l.orders.PerSecond > 0 {
		return false
	}
	if s := l.health.reading.Load(); s != nil {
		return s.connected() && s.waits()
	}
	return l.lag() > 0
}

// lag is how many records are known to be beyond what is committed.
func (l *Loop) lag() (records int64) {
	for i, end := range l.ends {
		if end >= 0 && l.next[i] >= 0 {
			records += max(0, end-l.next[i])
		}
	}
	return records
}
