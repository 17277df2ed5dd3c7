// Package ledger holds what stands in an output topic against what should stand there.
//
// It shares no code with the stream that it judges: it knows the messages that were sent,
// reads predictions by the standard library, and imports nothing of this project (a test
// keeps it so). What it is given must be what a reader of committed records sees.
//
//	l := ledger.New(sent, key)         // key writes the key of message n
//	l.Place(n, partition, offset)      // optional: where the message stands in the input
//	l.Models(changes)                  // optional: which model had to score which offset
//	l.Enter(partition, offset, key, value) // every record of the output, in order
//	if c := l.Count(); !c.Exact() {
//		fmt.Println(c, l.Offences())
//	}
//
// Message n carries n as its id, and its key. Messages of one key are numbered in the order
// in which they were sent, so a smaller number after a larger one is out of order.
//
// A stream of two stages whose features have a history has more to answer for: see NewOfPayments.
package ledger

import (
	"fmt"
	"slices"
)

// KeySize is the length of every key: the text of a UUID.
const KeySize = 36

// Ledger is not safe for concurrent use.
type Ledger struct {
	key, id  func(to []byte, n int64) []byte // append those of message n
	times    []uint8                         // how often the prediction of message n was seen
	reached  map[int32]int64                 // by partition that the last stage reads: the offset of the last prediction
	last     map[string]int64                // by key: its last message; nil: not asked for
	places   []place                         // by message; nil: not known
	reigns   map[int32][]reign               // by partition that the last stage reads; nil: not known
	relay    *relay                          // between two stages; nil: there is one
	records  int64
	count    Count
	closed   bool
	offences []Offence
	visit    func(Prediction)
}

// place is where a message stands in the input. The zero value is nowhere.
type place struct {
	known     bool
	partition int32
	offset    int64
}

// New is an empty ledger about messages 0 to sent-1. key writes a message's key to KeySize
// bytes; its prediction has it as id, too.
func New(sent int64, key func(to []byte, n int64)) *Ledger {
	write := func(to []byte, n int64) []byte {
		at := len(to)
		to = slices.Grow(to, KeySize)[:at+KeySize]
		key(to[at:], n)
		return to
	}
	return named(sent, write, write)
}

func named(sent int64, key, id func(to []byte, n int64) []byte) *Ledger {
	return &Ledger{key: key, id: id, times: make([]uint8, sent), reached: map[int32]int64{}, count: Count{Sent: sent}}
}

// KeepOrderWithinKeys checks the order of messages that share a key, too, which a
// partition's order implies as long as a key keeps its partition.
func (l *Ledger) KeepOrderWithinKeys() { l.last = map[string]int64{} }

// Visit hands every prediction that is what it should be to a function.
func (l *Ledger) Visit(f func(Prediction)) { l.visit = f }

// Place tells where a message stands in the input, so that a prediction that names
// another place shows. A message that stands there twice cannot be judged: an error.
func (l *Ledger) Place(n int64, partition int32, offset int64) error {
	if n < 0 || n >= int64(len(l.times)) {
		return fmt.Errorf("input record %d of partition %d is message %d, which was never sent", offset, partition, n)
	}
	if l.places == nil {
		l.places = make([]place, len(l.times))
	}
	if was := l.places[n]; was.known {
		return fmt.Errorf("message %d stands in the input twice: at %d of partition %d, and at %d of partition %d", n, was.offset, was.partition, offset, partition)
	}
	l.places[n] = place{true, partition, offset}
	if l.relay != nil {
		l.relay.enter(n)
	}
	return nil
}

// Unplaced counts the messages that do not stand in the input, if Place was used.
func (l *Ledger) Unplaced() (n int64) {
	for _, p := range l.places {
		if !p.known {
			n++
		}
	}
	return n
}

// Records is how many records were entered.
func (l *Ledger) Records() int64 { return l.records }

// Enter takes one record of the output, which stands at a place there.
func (l *Ledger) Enter(partition int32, offset int64, key, value []byte) {
	l.records++
	at := func(kind Kind, n int64, p Prediction, words string) {
		l.offend(Offence{Kind: kind, Message: n, Partition: p.Partition, Offset: p.Offset, OutputPartition: partition, OutputOffset: offset, Words: words})
	}
	p, err := Decode(value)
	if err != nil {
		at(Malformed, -1, p, err.Error())
		return
	}
	n := p.SourceID
	if n < 0 || n >= int64(len(l.times)) {
		at(Foreign, n, p, "this message was never sent")
		return
	}
	wantKey, wantID := string(l.key(nil, n)), string(l.id(nil, n))
	if string(key) != wantKey || p.ID != wantID {
		at(Foreign, n, p, fmt.Sprintf("key %q and id %q, want %s and %s", key, p.ID, wantKey, wantID))
		return
	}
	if l.places != nil && l.places[n] != (place{true, p.Partition, p.Offset}) {
		at(Foreign, n, p, fmt.Sprintf("the message stands at offset %d of partition %d", l.places[n].offset, l.places[n].partition))
		return
	}
	if l.times[n]++; l.times[n] > 1 {
		l.times[n] = min(l.times[n], 254)
		at(Repeated, n, p, fmt.Sprintf("seen %d times", l.times[n]))
	}
	// What the last stage reads of a partition goes to one partition of the output, so its order there is that of its reading.
	read := place{true, p.Partition, p.Offset}
	if l.relay != nil {
		read = l.relay.places[n] // of one that was never handed on: nowhere, which Count tells
	}
	before, ok := l.reached[read.partition]
	if words := l.afterItsKey(wantKey, n); ok && read.offset <= before && read.known {
		at(Reordered, n, p, fmt.Sprintf("read at offset %d, after offset %d", read.offset, before))
	} else if words != "" {
		at(Reordered, n, p, words)
	}
	if read.known {
		l.reached[read.partition] = read.offset
	}
	if version, known := l.model(read.partition, read.offset); known && read.known && version != p.ModelVersion {
		at(WrongModel, n, p, fmt.Sprintf("scored by version %s, want %s", p.ModelVersion, version))
	}
	if l.relay != nil && read.known && l.relay.prints[n] != p.Features {
		at(WrongFeatures, n, p, fmt.Sprintf("features %s, want %s", p.Features, l.relay.prints[n]))
	}
	if l.visit != nil {
		l.visit(p)
	}
}

// afterItsKey says how a message comes before a later one of its key.
func (l *Ledger) afterItsKey(key string, n int64) string {
	if l.last == nil {
		return ""
	}
	before, ok := l.last[key]
	l.last[key] = n
	if ok && n <= before {
		return fmt.Sprintf("after message %d of its key", before)
	}
	return ""
}
