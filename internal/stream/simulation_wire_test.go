package stream

import (
	"context"
	"fmt"
	"slices"
	"time"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// stamper answers each record with its coordinates.
type stamper struct{}

func (stamper) Process(in []record.Message, out *score.Output) {
	out.Reset()
	for i := range in {
		out.Results = append(out.Results, score.Result{Input: i})
	}
}

// simulated is one actor's wire to the world.
type simulated struct {
	*world
	actor *actor
	o     Options
	next  []int64
	from  []int64 // of each partition: the first record whose result is not committed yet
	epoch int
}

func (s *simulated) id() string {
	return TransactionalID(s.o.Pipeline, s.o.Stage, s.o.Topic, s.o.Partitions)
}

func (s *simulated) dial(limits) (source, sink, error) {
	link := &simulated{world: s.world, actor: s.actor, o: s.o}
	return &simSource{link}, &simSink{simulated: link}, s.actor.enter("dial")
}

type simSource struct{ *simulated }

// overlaps is false: a seed decides which call comes next.
func (s *simulated) overlaps() bool { return false }

func (s *simSource) committed(context.Context) ([]mark, error) {
	if err := s.actor.enter("committed"); err != nil {
		return nil, err
	}
	marks := make([]mark, len(s.o.Partitions))
	for i, p := range s.o.Partitions {
		marks[i] = s.marks[p]
	}
	return marks, nil
}

func (s *simSource) unstable(ctx context.Context) ([]mark, error) { return s.committed(ctx) }

func (s *simSource) results(context.Context, []int64, int64) ([]lastResult, error) {
	if err := s.actor.enter("results"); err != nil {
		return nil, err
	}
	last := make([]lastResult, len(s.o.Partitions))
	for i, p := range s.o.Partitions {
		last[i].next, last[i].upTo = -1, -1
		for o := range s.logEnd[p] {
			if s.visible[fmt.Sprintf("%d@%d", p, o)] > 0 {
				last[i].next, last[i].upTo = o+1, o+1
			}
		}
	}
	return last, nil
}

func (s *simSource) holds(context.Context, int32, lastResult) (bool, error) { return true, nil }

func (s *simSource) bounds(context.Context) (first, end []int64, err error) {
	for _, p := range s.o.Partitions {
		first, end = append(first, 0), append(end, s.logEnd[p])
	}
	return first, end, nil
}

func (s *simSource) since(context.Context, time.Time) ([]int64, error) { return nil, nil }

func (s *simSource) assign(next []int64) error {
	s.next, s.from = slices.Clone(next), slices.Clone(next)
	return nil
}

func (s *simSource) poll(in []record.Message, max, _ int, _ time.Duration) ([]record.Message, error) {
	if err := s.actor.enter("poll"); err != nil {
		return in, err
	}
	for i, p := range s.o.Partitions {
		for ; s.next[i] < s.logEnd[p] && len(in) < max; s.next[i]++ {
			in = append(in, record.Message{Partition: p, Offset: s.next[i]})
		}
	}
	return in, nil
}

func (s *simSource) end(p int32) int64 { return s.logEnd[p] }
func (s *simSource) close()            {}

type simSink struct {
	*simulated
	pending []string
	settled []int32 // partitions whose doubts the next commit crosses out
}

var errFencedHere = kafka.NewError(kafka.ErrFenced, "fenced by a newer instance", true)

func (s *simSink) init(context.Context) error {
	if err := s.actor.enter("init"); err != nil {
		return err
	}
	s.epochs[s.id()]++
	s.epoch = s.epochs[s.id()]
	return nil
}

func (s *simSink) leftovers(context.Context) (map[int32]int64, error) {
	if err := s.actor.enter("leftovers"); err != nil {
		return nil, err
	}
	if s.epoch != s.epochs[s.id()] {
		return nil, errFencedHere
	}
	gone := map[int32]int64{}
	for _, p := range s.o.Partitions {
		if it, some := s.open[p]; some && it.id == s.id() {
			s.doubt[p] = append(s.doubt[p], it)
			delete(s.open, p)
			s.say("  results of partition %d from %d to %d are aborted", p, it.from, it.to)
		}
		for _, it := range s.doubt[p] {
			for o := it.to - 1; o >= it.from; o-- {
				if first, known := gone[p]; s.visible[fmt.Sprintf("%d@%d", p, o)] == 0 && (!known || o < first) {
					gone[p] = o
				}
			}
		}
		s.settled = append(s.settled, p)
	}
	return gone, nil
}

func (s *simSink) begin() error {
	s.pending = nil
	return nil
}

func (s *simSink) send(_ context.Context, records []outgoing) error {
	if err := s.actor.enter("send"); err != nil {
		return err
	}
	return nil
}

func (s *simSink) commit(_ context.Context, next []int64, notes []string) error {
	if err := s.actor.enter(fmt.Sprintf("commit %v", next)); err != nil {
		return err
	}
	if s.epoch != s.epochs[s.id()] {
		s.say("  fenced")
		return errFencedHere
	}
	for i, p := range s.o.Partitions {
		m, err := readMark(next[i], notes[i])
		if err != nil {
			return err
		}
		if s.from != nil {
			s.results(p, s.from[i], next[i], m.Generation)
		}
		for o := next[i]; o < s.marks[p].next; o++ { // an offset went back: what follows is scored again
			s.again[fmt.Sprintf("%d@%d", p, o)] = true
		}
		s.marks[p], s.before[p] = m, s.marks[p]
	}
	if s.from != nil {
		s.from = slices.Clone(next)
	}
	for _, p := range s.settled {
		delete(s.doubt, p)
	}
	s.settled = nil
	if s.random.IntN(12) == 0 {
		s.say("  committed, but the answer is lost")
		return kafka.NewError(kafka.ErrTransport, "answer lost", false)
	}
	return nil
}

// results of a partition are committed, and with them what its transactions before have left
// open. Now and then the output is not told of it.
func (s *simSink) results(p int32, from, to, generation int64) {
	if from >= to {
		return // no record goes to the output
	}
	for o := from; o < to; o++ {
		s.under[fmt.Sprintf("%d@%d", p, o)] = generation
	}
	left, some := s.open[p]
	if some && left.id == s.id() {
		from = left.from
		delete(s.open, p)
	}
	if s.careless && s.random.IntN(10) == 0 {
		s.say("  the output of partition %d is not told of %d to %d", p, from, to)
		s.open[p] = leftover{s.id(), from, to}
		return
	}
	for o := from; o < to; o++ {
		s.visible[fmt.Sprintf("%d@%d", p, o)]++
	}
}

func (s *simSink) unhide(context.Context) error { return nil }
func (s *simSink) abort(context.Context)        {}
func (s *simSink) clear(context.Context) error  { return nil }
func (s *simSink) close()                       {}
