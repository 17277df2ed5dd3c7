package feature

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
)

// A snapshot is magic and version, and then, as one zstd stream: the digest of what the stage computes from, the state, and the
// SHA-256 of all of the stream before it. Whole numbers are varints; an event's time and totals are written as
// differences to the event before, so that most take a byte or two. Version 2 is that of a stage that joins labels: ids and
// labels that wait follow the keys. In version 3 each id also says which record of its instant it is, where that makes a difference.
// Later versions of the program read all of them.
const snapshotMagic = "TSSTATE\x00"

var (
	// ErrSnapshot is returned for bytes that are no whole snapshot: torn, damaged, or of another program.
	ErrSnapshot = errors.New("corrupt snapshot")
	// ErrDefinition is returned for a snapshot of other features: the state must be built anew from the records.
	ErrDefinition = errors.New("the snapshot is of other features")
)

// Digest names what a state of the stage consists of: key, windows, totals and values. Stages of one digest can read each
// other's snapshots; a change of names, of the model or of other stages does not change it.
func (s *Stage) Digest() [sha256.Size]byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "key %q text %v time %d tolerance %d arriving %v forever %v\n", s.name, s.keyIsText, s.time, s.tolerance, s.arriving, s.forever)
	if s.joins {
		fmt.Fprintf(&b, "id %d text %v\n", s.id, s.idIsText)
	}
	fmt.Fprintf(&b, "bounds %v\n", s.bounds)
	for _, t := range s.totals {
		fmt.Fprintf(&b, "total %d of %d %v\n", t.kind, t.of.column, t.of.scale)
		if t.filter >= 0 {
			fmt.Fprintf(&b, "of those %s\n", s.filters[t.filter].meaning)
		}
	}
	for _, v := range s.values {
		if v.raw {
			fmt.Fprintf(&b, "value as it is %s\n", v.meaning)
			continue
		}
		fmt.Fprintf(&b, "value %d %v %v\n", v.column, v.scale, v.text)
	}
	for _, w := range s.rows {
		fmt.Fprintf(&b, "the last %d from %d on\n", w.n, w.bound)
	}
	if s.exact {
		fmt.Fprintf(&b, "exact\n")
	}
	return sha256.Sum256(b.Bytes())
}

// version is that of the stage's snapshots.
func (s *Stage) version() uint32 {
	switch {
	case s.joins && s.exact:
		return 3
	case s.joins:
		return 2
	}
	return 1
}

// Snapshot writes the state. The same state gives the same bytes.
func (s *State) Snapshot(w io.Writer) error {
	t, err := s.StartSnapshot(w)
	if err != nil {
		return err
	}
	for done := false; !done; {
		if done, err = t.Step(math.MaxInt); err != nil {
			return err
		}
	}
	return nil
}

// writeHead writes what is not of a key.
func (s *State) writeHead(out *snapshotWriter) {
	c, w := s.counters, s.sweep
	for _, v := range []uint64{c.Records, c.Reordered, c.Late, c.Unusable, c.Strayed, c.Forgotten,
		uint64(w.low), uint64(w.within), uint64(w.clock), uint64(w.hand), uint64(w.due)} {
		out.number(v)
	}
	out.number(uint64(len(s.vacant)))
	for _, slot := range s.vacant {
		out.number(uint64(slot))
	}
	out.number(uint64(s.slots))
}

// writeSlot writes a key with its log, or that the slot has none.
func (s *State) writeSlot(out *snapshotWriter, slot uint32) {
	h := s.header(slot)
	if h[headerNewest] == never {
		out.number(0)
		return
	}
	out.number(1)
	if s.stage.keyIsText {
		out.number(uint64(len(s.texts[slot])))
		out.bytes(s.texts[slot])
	} else {
		out.difference(h[headerKey])
	}
	s.trim(h) // what no window reaches any more is not worth its bytes
	s.writeLog(out, h)
}

// writeLog writes the events of a key, the open one included.
func (s *State) writeLog(out *snapshotWriter, h []uint64) {
	out.number(h[headerBase])
	out.number(h[headerHead] - h[headerBase])
	out.difference(h[headerNewest])
	words, mask := s.arena.ring(ring(h[headerRing]))
	stride, totals := s.arena.stride, len(s.stage.totals)
	before := make([]uint64, 1+totals)
	for i := h[headerBase]; i <= h[headerHead]; i++ {
		event := words[int(i&mask)*stride:][:stride]
		from := 0
		if i == h[headerHead] {
			from = 1 // it has no time yet, nor values
		}
		for w := from; w <= totals; w++ {
			out.difference(event[w] - before[w])
			before[w] = event[w]
		}
		if i < h[headerHead] {
			for _, v := range event[1+totals:] {
				out.difference(v)
			}
		}
	}
}
