package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// fakeKafka is the wire over a broker in memory: one topic in, two out, one group, one
// transaction at a time. It writes down every call and what it answers, and fails calls as
// it is told. What a reader of committed records would see stands in visible.
type fakeKafka struct {
	transcript strings.Builder
	parts      []int32
	mu         sync.Mutex // guards log
	log        map[int32][]record.Message
	first      int64               // offsets below it are deleted
	offsets    []mark              // committed
	faults     map[string][]string // by call: the errors that its next calls answer; "" is none
	visible    []string
	idle       func()          // called when everything was polled and nothing is in hand
	largest    int             // records above it are refused at commit; 0: none
	seized     bool            // polls yield nothing, though records are there
	proven     []int64         // what the results say of each partition; nil: there are none any more
	provenBy   string          // the model that results say they are of
	recreated  bool            // the input is not the topic that results are about
	gone       map[int32]int64 // what leftovers answers, once
}

func newFake(parts []int32) *fakeKafka {
	f := &fakeKafka{parts: parts, log: map[int32][]record.Message{}, faults: map[string][]string{}}
	for range parts {
		f.offsets = append(f.offsets, mark{next: -1, note: note{Generation: unordered}})
	}
	return f
}

// add puts a record at the end of its partition's log.
func (f *fakeKafka) add(m record.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log[m.Partition] = append(f.log[m.Partition], m)
}

func (f *fakeKafka) records(partition int32) []record.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log[partition]
}

func (f *fakeKafka) say(format string, args ...any) {
	fmt.Fprintf(&f.transcript, format+"\n", args...)
}

// fault answers the error that a call was told to fail with, if any.
func (f *fakeKafka) fault(call string) error {
	queue := f.faults[call]
	if len(queue) == 0 {
		return nil
	}
	f.faults[call] = queue[1:]
	codes := map[string]kafka.ErrorCode{
		"fenced": kafka.ErrFenced, "epoch": kafka.ErrInvalidProducerEpoch, "transport": kafka.ErrTransport,
		"out-of-range": kafka.ErrAutoOffsetReset, "authorization": kafka.ErrTopicAuthorizationFailed,
	}
	if c, known := codes[queue[0]]; known {
		return kafka.NewError(c, queue[0], false)
	}
	return nil
}

func (f *fakeKafka) dial(l limits) (source, sink, error) {
	if err := f.fault("dial"); err != nil {
		f.say("dial: %v", err)
		return nil, nil, err
	}
	if l.recordBytes > 0 {
		f.say("dial, records up to %d bytes", l.recordBytes)
	} else {
		f.say("dial")
	}
	link := &fakeLink{fakeKafka: f}
	return (*fakeSource)(link), (*fakeSink)(link), nil
}

// overlaps is false: transcripts tell one call after the other.
func (f *fakeKafka) overlaps() bool { return false }

// fakeLink is one pair of clients.
type fakeLink struct {
	*fakeKafka
	next    []int64
	lent    [][]byte // keys and values of the last poll
	pending []string
	largest int
	open    bool
}

type fakeSource fakeLink
type fakeSink fakeLink

func (s *fakeSource) committed(context.Context) ([]mark, error) {
	if err := s.fault("committed"); err != nil {
		s.say("committed: %v", err)
		return nil, err
	}
	s.say("committed %v", nexts(s.offsets))
	return slices.Clone(s.offsets), nil
}

func (s *fakeSource) unstable(context.Context) ([]mark, error) {
	s.say("unstable %v", nexts(s.offsets))
	return slices.Clone(s.offsets), nil
}

func (s *fakeSource) results(context.Context, []int64, int64) ([]lastResult, error) {
	if s.proven == nil {
		return slices.Repeat([]lastResult{{next: -1, upTo: -1}}, len(s.parts)), nil
	}
	s.say("results %v", s.proven)
	if err := s.fault("results"); err != nil {
		return nil, err
	}
	var last []lastResult
	for _, next := range s.proven {
		last = append(last, lastResult{next: next, upTo: next, model: s.provenBy})
	}
	return last, nil
}

func (s *fakeSource) holds(context.Context, int32, lastResult) (bool, error) {
	return !s.recreated, s.fault("holds")
}

func (s *fakeSource) bounds(context.Context) (first, end []int64, err error) {
	for _, p := range s.parts {
		first, end = append(first, s.first), append(end, int64(len(s.records(p))))
	}
	return first, end, nil
}

func (s *fakeSource) since(_ context.Context, t time.Time) ([]int64, error) {
	begin := make([]int64, len(s.parts))
	for i, p := range s.parts {
		begin[i] = -1
		if n := slices.IndexFunc(s.records(p), func(m record.Message) bool { return m.Timestamp >= t.UnixMilli() }); n >= 0 {
			begin[i] = int64(n)
		}
	}
	return begin, nil
}

func (s *fakeSource) assign(next []int64) error {
	s.say("assign %v", next)
	s.next = slices.Clone(next)
	return nil
}

func (s *fakeSource) poll(in []record.Message, max, maxBytes int, _ time.Duration) ([]record.Message, error) {
	if err := s.fault("poll"); err != nil {
		s.say("poll: %v", err)
		return in, err
	}
	if s.seized {
		return in, nil
	}
	for _, b := range s.lent {
		for i := range b {
			b[i] = '#' // whoever has kept it past this poll gets to see this
		}
	}
	s.lent = s.lent[:0]
	for i, p := range s.parts {
		for size := 0; s.next[i] < int64(len(s.records(p))) && len(in) < max && size < maxBytes; s.next[i]++ {
			m := s.records(p)[s.next[i]]
			m.Key, m.Value = bytes.Clone(m.Key), bytes.Clone(m.Value)
			s.lent = append(s.lent, m.Key, m.Value)
			in = append(in, m)
			size += len(m.Value)
		}
	}
	if len(in) > 0 {
		s.say("poll %d", len(in))
	} else if !s.open {
		s.idle()
	}
	return in, nil
}

func (s *fakeSource) end(partition int32) int64 { return int64(len(s.records(partition))) }
func (s *fakeSource) close()                    { s.say("close") }

func (s *fakeSink) init(context.Context) error {
	err := s.fault("init")
	if err != nil {
		s.say("init: %v", err)
	}
	return err
}

func (s *fakeSink) leftovers(context.Context) (map[int32]int64, error) {
	gone := s.gone
	s.gone = nil
	return gone, s.fault("leftovers")
}

func (s *fakeSink) begin() error {
	s.open, s.pending, s.largest = true, nil, 0
	s.say("begin")
	return s.fault("begin")
}

func (s *fakeSink) send(_ context.Context, records []outgoing) error {
	for _, r := range records {
		text := fmt.Sprintf("out[%d] ", r.partition)
		if r.to == toDeadLetters {
			text = fmt.Sprintf("dlq[%d] %q %d bytes", r.partition, r.key, len(r.value))
			for _, h := range r.headers {
				if h.key == HeaderReason || h.key == HeaderOffset || h.key == HeaderTruncated {
					text += fmt.Sprintf(" %s=%s", h.key, h.value)
				}
			}
		} else if r.to >= toForward {
			text = fmt.Sprintf("forward %d[%d]", r.to-toForward, r.partition)
		} else if p, err := score.DecodePrediction(r.value); err == nil {
			text += fmt.Sprintf("%q %s of offset %d", p.ID, p.Decision, p.Offset)
		}
		s.say("  send %s", text)
		s.pending = append(s.pending, text)
		s.largest = max(s.largest, len(r.key)+len(r.value))
	}
	return s.fault("send")
}

func (s *fakeSink) commit(_ context.Context, next []int64, notes []string) error {
	err := s.fault("commit")
	if limit := s.fakeKafka.largest; err == nil && limit > 0 && s.largest > limit {
		err = &errTooLarge{size: s.largest, cause: errors.New("message size too large")}
	}
	if err != nil {
		s.say("commit %v: %v", next, err)
		return err
	}
	s.say("commit %v", next)
	for i := range next {
		m, err := readMark(next[i], notes[i])
		if err != nil {
			return err
		}
		s.offsets[i] = m
	}
	s.visible = append(s.visible, s.pending...)
	s.open = false
	return nil
}

func (s *fakeSink) abort(context.Context) { s.say("abort") }
func (s *fakeSink) unhide(context.Context) error {
	s.say("unhide")
	return nil
}

func (s *fakeSink) clear(context.Context) error {
	s.say("clear")
	return s.fault("clear")
}
func (s *fakeSink) close() {}

// blackHole is a sink that takes everything.
type blackHole struct{}

func (blackHole) init(context.Context) error                         { return nil }
func (blackHole) leftovers(context.Context) (map[int32]int64, error) { return nil, nil }
func (blackHole) begin() error                                       { return nil }
func (blackHole) send(context.Context, []outgoing) error             { return nil }
func (blackHole) commit(context.Context, []int64, []string) error    { return nil }
func (blackHole) clear(context.Context) error                        { return nil }
func (blackHole) abort(context.Context)                              {}
func (blackHole) close()                                             {}
func (blackHole) unhide(context.Context) error                       { return nil }
