package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"temporal-streaming/internal/record"
)

// Absorber is a Processor whose answers depend on the records before. What it knows of a
// partition is a function of the partition's log up to an offset, and of nothing else. The
// loop keeps to that: each record is given to Process or to Absorb once, in order; and
// whenever that cannot be told any more, since a transaction failed or the processor
// panicked, what it knows is loaded anew.
type Absorber interface {
	Processor
	// Absorb takes records into what is known, as Process did when they were scored, and
	// answers nothing.
	Absorb(in []record.Message)
}

// Heir is a Processor that can go on with what another one knows, which it replaces.
type Heir interface {
	Inherit(before any) error
}

// History is where that what an Absorber knows is kept. All is called from the goroutine of Run,
// except that nothing else is called during Load.
type History interface {
	// Load makes the processor know of each partition a state at an offset up to Next, and sets
	// At to it: the records from there to Next are then absorbed. It returns ErrHistoryLost
	// if there is no such state and the log does not reach back far enough.
	Load(ctx context.Context, p Processor, wants []Want) error
	// Turn lets a snapshot be begun or continued, which must not take longer than some
	// milliseconds. The processor knows all before at, of each of partitions.
	Turn(p Processor, partitions []int32, at []int64)
	// Committed tells that everything before next is committed, of each of partitions. Only
	// from then on is a snapshot of it worth anything: a transaction that fails unmakes it.
	Committed(partitions []int32, next []int64)
	// Close is called when Run returns.
	Close()
}

// Want is up to where the history of a partition is needed.
type Want struct {
	Partition int32
	First     int64 // the oldest record that the broker has
	Next      int64 // the records before it are to be known
	Fresh     bool  // nothing was ever committed: the stream begins at Next, and knows nothing
	At        int64 // the answer: the records before it are known
}

// ErrHistoryLost is returned by Run when what the processor must know of a partition can be
// had neither from a snapshot nor from the log. It is final: a person must decide.
var ErrHistoryLost = errors.New("the history of a partition is lost")

// ErrPanic is the fault of a processor with a history that has panicked. What it knows is
// loaded anew, and the records are given to it one by one; the one to blame becomes a dead
// letter, and no history.
var ErrPanic = errors.New("the processor panics")

// unknown is where a history stands that must be loaded.
const unknown = -1

// memory is what a loop with a History remembers beyond its sessions.
type memory struct {
	at      []int64          // of each of Partitions: the processor knows the records before it; unknown: nothing that can be told
	careful []int64          // of each of Partitions: up to there records are given to the processor one by one
	poison  map[place]string // records that the processor is not given any more, and what it panicked with
	old     []record.Message // of the batch in hand: to be absorbed
}

// place is a record's.
type place struct {
	partition int32
	offset    int64
}

// recall makes the processor know the records before the offsets at which the session goes
// on, or a part of them: the others are absorbed when they are read again. What it knows
// already, because the session before ended between two transactions, is not loaded again.
// It answers from where to read.
func (s *session) recall(ctx context.Context, first []int64, fresh []bool) ([]int64, error) {
	if s.History == nil {
		return s.next, nil
	}
	m := &s.memory
	var wants []Want
	for i, p := range s.Partitions {
		if at := m.at[i]; at == unknown || at > s.next[i] || at < first[i] || fresh[i] {
			wants = append(wants, Want{Partition: p, First: first[i], Next: s.next[i], Fresh: fresh[i]})
		}
	}
	if len(wants) == 0 {
		return m.at, nil
	}
	for _, p := range wants {
		m.at[s.slots[p.Partition]] = unknown // what a failed Load leaves behind is nobody's
	}
	if err := s.History.Load(ctx, s.orders.Processor, wants); err != nil {
		return nil, fmt.Errorf("load what is known of %s: %w", s.Topic, err)
	}
	for _, p := range wants {
		if p.At < 0 || p.At > p.Next {
			return nil, fmt.Errorf("load what is known of %s-%d: %w: it stands at offset %d, and %d is committed", s.Topic, p.Partition, ErrHistoryLost, p.At, p.Next)
		}
		m.at[s.slots[p.Partition]] = p.At
		if p.At < p.Next {
			s.Logger.Info("records are absorbed again, without emission", slog.Int("partition", int(p.Partition)),
				slog.Int64("from", p.At), slog.Int64("to", p.Next))
		}
	}
	return m.at, nil
}

// absorb takes those records out of in that were scored before, and makes them history.
func (s *session) absorb(in []record.Message) ([]record.Message, error) {
	if s.History == nil || !s.replaying() {
		return in, nil
	}
	rest, old := in[:0], s.memory.old[:0]
	for i := range in {
		if in[i].Offset < s.next[s.slots[in[i].Partition]] {
			old = append(old, in[i])
		} else {
			rest = append(rest, in[i])
		}
	}
	s.memory.old = old[:0]
	if len(old) == 0 {
		return rest, nil
	}
	s.health.idle = 0 // nothing is committed meanwhile, and yet the loop gets on
	s.forgo(old)
	if _, poisoned := s.poisoned(old); !poisoned {
		if what, stack := s.guard(old, func() { s.orders.Processor.(Absorber).Absorb(old) }); what != "" {
			return nil, s.sick(old, what, stack)
		}
	}
	s.know(old)
	return rest, nil
}

// replaying tells whether a history does not reach the committed offset yet. It may go on
// for as long as a partition is idle whose last records were aborted; that costs nothing.
func (s *session) replaying() bool {
	for i, at := range s.memory.at {
		if at < s.next[i] { // an unknown one does not come here: recall has loaded it
			return true
		}
	}
	return false
}

// forgo notes that records are about to become history: until know says that they are, nobody
// can tell.
func (s *session) forgo(in []record.Message) {
	if s.History == nil {
		return
	}
	for i := range in {
		s.memory.at[s.slots[in[i].Partition]] = unknown
	}
}

// know notes that records are history.
func (s *session) know(in []record.Message) {
	if s.History == nil {
		return
	}
	for i := range in {
		s.memory.at[s.slots[in[i].Partition]] = in[i].Offset + 1
	}
}

// turn gives the History its turn.
func (s *session) turn() {
	if s.History != nil {
		s.History.Turn(s.orders.Processor, s.Partitions, s.memory.at)
	}
}

// batch is how many records may be given to the processor at once.
func (s *session) batch() int {
	for i, until := range s.memory.careful {
		if until > 0 && s.memory.at[i] < until {
			return 1
		}
	}
	return s.MaxBatch
}

// poisoned answers why a record is not to be given to the processor. It comes alone, since a
// partition with such a record is read with care.
func (s *session) poisoned(in []record.Message) (what string, yes bool) {
	if len(in) != 1 || len(s.memory.poison) == 0 {
		return "", false
	}
	what, yes = s.memory.poison[place{in[0].Partition, in[0].Offset}]
	return what, yes
}

// guard calls the processor and answers what it panicked with, if it did.
func (s *session) guard(in []record.Message, call func()) (what, stack string) {
	defer func() {
		if r := recover(); r != nil {
			what = fmt.Sprint("panic: ", r)
			if len(in) == 1 {
				stack = string(debug.Stack())
			}
		}
	}()
	s.hand.scoring(s.began, in)
	defer s.hand.returned()
	call()
	return "", ""
}

// sick ends the session after a panic: nobody knows what the processor knows now.
func (s *session) sick(in []record.Message, what, stack string) error {
	m := &s.memory
	for i := range m.at {
		m.at[i] = unknown
	}
	for i := range in {
		slot := s.slots[in[i].Partition]
		m.careful[slot] = max(m.careful[slot], in[i].Offset+1)
	}
	if len(in) == 1 {
		m.poison[place{in[0].Partition, in[0].Offset}] = what
		s.Logger.Error("processor panics on a record; it goes to the dead letters, and is no history",
			slog.Int("partition", int(in[0].Partition)), slog.Int64("offset", in[0].Offset), slog.String("panic", what), slog.String("stack", stack))
		return fmt.Errorf("score %s-%d offset %d: %w: %s", s.Topic, in[0].Partition, in[0].Offset, ErrPanic, what)
	}
	return fmt.Errorf("score %d records of %s: %w: %s", len(in), s.Topic, ErrPanic, what)
}

// inherit lets a new processor go on with what the one in force knows.
func (s *session) inherit(p Processor) error {
	if s.History == nil || p == nil || p == s.orders.Processor {
		return nil
	}
	heir, ok := p.(Heir)
	if !ok {
		return fmt.Errorf("the new processor (%T) cannot go on with what is known", p)
	}
	return heir.Inherit(s.orders.Processor)
}
