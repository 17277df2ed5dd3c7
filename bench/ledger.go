package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// ledger holds what should be in an output topic against what is. It shares no code with
// the stream: it knows the messages that were sent, and reads JSON by the standard library.
type ledger struct {
	messages *messages
	times    []uint8 // how often the prediction of message n was seen
	last     map[int32]int64

	records   int64
	foreign   int64 // predictions of messages that were never sent, or under another's id
	malformed int64
	reordered int64 // predictions that stand before one of an earlier record of their partition

	scored []scoredAt // when each record was scored, if asked for
	timed  bool
}

// scoredAt is the input record that a prediction names, and when it says it was scored.
type scoredAt struct {
	partition int32
	offset    int64
	at        time.Time
}

// count is what a ledger comes to.
type count struct{ sent, lost, repeated, foreign, malformed, reordered int64 }

func (c count) exact() bool { return c == count{sent: c.sent} }

func (c count) String() string {
	return fmt.Sprintf("%d sent, %d lost, %d repeated, %d foreign, %d malformed, %d out of order", c.sent, c.lost, c.repeated, c.foreign, c.malformed, c.reordered)
}

func newLedger(m *messages, n int64) *ledger {
	return &ledger{messages: m, times: make([]uint8, n), last: map[int32]int64{}}
}

// prediction is what the ledger reads of one.
type prediction struct {
	ID        string    `json:"id"`
	SourceID  *int64    `json:"source_id"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	ScoredAt  time.Time `json:"scored_at"`
}

// enter takes one record of the output.
func (l *ledger) enter(key, value []byte) {
	l.records++
	var p prediction
	if err := json.Unmarshal(value, &p); err != nil || p.SourceID == nil {
		l.malformed++
		return
	}
	n := *p.SourceID
	var want [36]byte
	if n < 0 || n >= int64(len(l.times)) {
		l.foreign++
		return
	}
	l.messages.key(want[:], n)
	if string(key) != string(want[:]) || p.ID != string(want[:]) {
		l.foreign++
		return
	}
	l.times[n] = min(l.times[n], 254) + 1
	// An input partition has one output partition, so its order is that of its reading.
	if before, ok := l.last[p.Partition]; ok && p.Offset <= before {
		l.reordered++
	}
	l.last[p.Partition] = p.Offset
	if l.timed {
		l.scored = append(l.scored, scoredAt{p.Partition, p.Offset, p.ScoredAt})
	}
}

func (l *ledger) count() count {
	c := count{sent: int64(len(l.times)), foreign: l.foreign, malformed: l.malformed, reordered: l.reordered}
	for _, times := range l.times {
		switch {
		case times == 0:
			c.lost++
		case times > 1:
			c.repeated += int64(times) - 1
		}
	}
	return c
}

// audit reads a whole output topic into the ledger, as a reader of committed records sees it.
func (s *site) audit(ctx context.Context, l *ledger, topic string) error {
	r, err := s.read(topic, readCommitted, false)
	if err != nil {
		return err
	}
	defer r.close()
	return r.each(ctx, func(m *kafka.Message) { l.enter(m.Key, m.Value) })
}

// records counts what a topic holds, for readers of one isolation level.
func (s *site) records(ctx context.Context, topic string, level isolation) (n int64, err error) {
	r, err := s.read(topic, level, false)
	if err != nil {
		return 0, err
	}
	defer r.close()
	return n, r.each(ctx, func(*kafka.Message) { n++ })
}
