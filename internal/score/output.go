package score

import "temporal-streaming/internal/record"

// Kind says which topic a result belongs to.
type Kind uint8

const (
	KindPrediction Kind = iota // Value is a Prediction
	KindDeadLetter             // Key and Value are the message's own bytes
	KindNothing                // the message leads to nothing that is sent, as a label in a stage's topic
	KindForward                // Value is for the next stage, or for all that look at labels: topic To, partition Partition
)

// Result is one message to produce. Its key and value are in the Output.
type Result struct {
	Input  int // index of its message in what Process was given
	Kind   Kind
	Reason record.Reason // of a dead letter
	Detail string        // of a dead letter: for people, names columns, quotes no data

	To        int   // of what is forwarded: which of the engine's targets
	Partition int32 // of that topic

	// Timestamp is that of the source's message, of a prediction by a later stage; else 0.
	Timestamp int64

	key, value span
}

// Output holds the results of one Process and the bytes they consist of. Its memory is reused: everything in it is valid until
// the next Process or Reset. The zero value is ready.
type Output struct {
	Results []Result
	arena   []byte
}

// span is a range of the arena; nil bytes are a span from -1.
type span struct{ from, to int }

// maxKeptArena bounds what Reset keeps, so that one batch of huge messages does not hold its memory for good.
const maxKeptArena = 32 << 20

// Reset forgets the results and keeps the memory.
func (o *Output) Reset() {
	clear(o.Results) // lets go of the details
	o.Results = o.Results[:0]
	if cap(o.arena) > maxKeptArena {
		o.arena = nil
	}
	o.arena = o.arena[:0]
}

// Key returns the key to produce result i with: the input's own; nil where that was nil.
func (o *Output) Key(i int) []byte { return o.bytes(o.Results[i].key) }

// Value returns the value to produce result i with: a prediction's JSON, or a dead letter's original bytes (nil: a tombstone).
func (o *Output) Value(i int) []byte { return o.bytes(o.Results[i].value) }

// bytes caps the slice so that appending to it cannot spoil its neighbour. Empty is not nil: to Kafka, nil is null.
func (o *Output) bytes(s span) []byte {
	if s.from < 0 {
		return nil
	}
	if s.from == s.to {
		return []byte{}
	}
	return o.arena[s.from:s.to:s.to]
}

// refuse makes a message a dead letter.
func (o *Output) refuse(input int, m *record.Message, why *record.Reject) {
	o.Results = append(o.Results, Result{
		Input: input, Kind: KindDeadLetter, Reason: why.Reason, Detail: why.Detail, key: o.keep(m.Key), value: o.keep(m.Value),
	})
}

// keep copies bytes to the arena.
func (o *Output) keep(b []byte) span {
	if b == nil {
		return span{-1, -1}
	}
	from := len(o.arena)
	o.arena = append(o.arena, b...)
	return span{from, len(o.arena)}
}
