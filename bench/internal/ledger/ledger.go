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
package ledger

import "fmt"

// KeySize is the length of every key: the text of a UUID.
const KeySize = 36

// Ledger is not safe for concurrent use.
type Ledger struct {
	key      func(to []byte, n int64)
	times    []uint8           // how often the prediction of message n was seen
	reached  map[int32]int64   // by input partition: the offset of the last prediction
	last     map[string]int64  // by key: its last message; nil: not asked for
	places   []place           // by message; nil: not known
	reigns   map[int32][]reign // by input partition; nil: not known
	records  int64
	count    Count
	offences []Offence
	visit    func(Prediction)
}

// place is where a message stands in the input. The zero value is nowhere.
type place struct {
	known     bool
	partition int32
	offset    int64
}

// New is an empty ledger about messages 0 to sent-1. key writes a message's key to KeySize bytes.
func New(sent int64, key func(to []byte, n int64)) *Ledger {
	return &Ledger{key: key, times: make([]uint8, sent), reached: map[int32]int64{}, count: Count{Sent: sent}}
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
	var want [KeySize]byte
	if n < 0 || n >= int64(len(l.times)) {
		at(Foreign, n, p, "this message was never sent")
		return
	}
	l.key(want[:], n)
	if string(key) != string(want[:]) || p.ID != string(want[:]) {
		at(Foreign, n, p, fmt.Sprintf("key %q and id %q, want %s", key, p.ID, want))
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
	// An input partition has one output partition, so its order is that of its reading.
	before, ok := l.reached[p.Partition]
	if words := l.afterItsKey(want, n); ok && p.Offset <= before {
		at(Reordered, n, p, fmt.Sprintf("after offset %d", before))
	} else if words != "" {
		at(Reordered, n, p, words)
	}
	l.reached[p.Partition] = p.Offset
	if version, known := l.model(p.Partition, p.Offset); known && version != p.ModelVersion {
		at(WrongModel, n, p, fmt.Sprintf("scored by version %s, want %s", p.ModelVersion, version))
	}
	if l.visit != nil {
		l.visit(p)
	}
}

// afterItsKey says how a message comes before a later one of its key.
func (l *Ledger) afterItsKey(key [KeySize]byte, n int64) string {
	if l.last == nil {
		return ""
	}
	before, ok := l.last[string(key[:])]
	l.last[string(key[:])] = n
	if ok && n <= before {
		return fmt.Sprintf("after message %d of its key", before)
	}
	return ""
}
