package feature

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// Snapshotting is a snapshot that is taken in steps while the state goes on changing. It becomes the state as it was when it
// was started: a key that is to change and is not written yet is put aside first, as it is, and written in its turn.
// Not safe for concurrent use, with the state's methods included.
type Snapshotting struct {
	state *State
	w     io.Writer
	z     *zstd.Encoder
	sum   hash.Hash
	out   *snapshotWriter

	next, slots uint32 // to be written: slots from next on
	aside       *snapshotWriter
	bytes       bytes.Buffer
	saved       map[uint32]stretch

	known    []labelled // as they were, where labels are joined
	repeated uint64
	waiting  []early
	begun    bool // with writing both
	tail     int  // how many of known are written
	done     bool
}

// stretch is a key's place among the bytes put aside.
type stretch struct{ from, to int }

// StartSnapshot begins a snapshot. A state takes one at a time; one that is begun anew gives the one before up.
func (s *State) StartSnapshot(w io.Writer) (*Snapshotting, error) {
	fail := func(err error) (*Snapshotting, error) {
		return nil, fmt.Errorf("begin snapshot of %s: %w", s.stage.name, err)
	}
	head := binary.LittleEndian.AppendUint32([]byte(snapshotMagic), s.stage.version())
	if _, err := w.Write(head); err != nil {
		return fail(err)
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return fail(err)
	}
	t := &Snapshotting{state: s, w: w, z: z, sum: sha256.New(), slots: s.slots, saved: map[uint32]stretch{}}
	t.out = newSnapshotWriter(io.MultiWriter(z, t.sum))
	t.aside = newSnapshotWriter(&t.bytes)
	digest := s.stage.Digest()
	t.out.bytes(digest[:])
	s.writeHead(t.out)
	if j := s.join; j != nil {
		t.known, t.repeated = slices.Clone(j.known[j.first:]), s.counters.Repeated
		for _, e := range j.waiting[j.head:] {
			if j.early[e.id] == e {
				t.waiting = append(t.waiting, e)
			}
		}
	}
	s.taking = t
	return t, nil
}

// Step writes at most so many keys more. When it answers done, the snapshot is whole.
func (t *Snapshotting) Step(keys int) (done bool, err error) {
	if t.done || t.state.taking != t {
		return t.done, nil
	}
	for ; keys > 0 && t.next < t.slots; keys-- {
		if p, aside := t.saved[t.next]; aside {
			t.out.bytes(t.bytes.Bytes()[p.from:p.to])
		} else {
			t.state.writeSlot(t.out, t.next)
		}
		t.next++
	}
	if t.next < t.slots {
		return false, t.broken(t.out.err)
	}
	if t.state.join != nil && !t.writeJoin(keys) {
		return false, t.broken(t.out.err)
	}
	t.done, t.state.taking = true, nil
	if err := t.out.flush(); err != nil {
		return false, t.broken(err)
	}
	if _, err := t.z.Write(t.sum.Sum(nil)); err != nil {
		return false, t.broken(err)
	}
	return true, t.broken(t.z.Close())
}

func (t *Snapshotting) broken(err error) error {
	if err == nil {
		return nil
	}
	t.done, t.state.taking = true, nil
	return fmt.Errorf("write snapshot of %s: %w", t.state.stage.name, err)
}

// writeJoin writes ids and labels that wait, and answers whether all are written.
func (t *Snapshotting) writeJoin(most int) bool {
	if !t.begun {
		t.begun = true
		t.out.number(t.repeated)
		t.out.number(uint64(len(t.known)))
	}
	for ; t.tail < len(t.known); t.tail++ {
		if most--; most < 0 {
			return false
		}
		r := t.known[t.tail]
		told := uint64(0)
		if r.told {
			told = 1
		}
		t.out.difference(r.id)
		t.out.difference(r.key)
		t.out.difference(uint64(r.time))
		t.out.number(uint64(r.slot)<<1 | told)
		if t.state.stage.exact {
			t.out.number(uint64(r.nth))
		}
	}
	t.out.number(uint64(len(t.waiting)))
	for _, e := range t.waiting {
		positive := uint64(0)
		if e.positive {
			positive = 1
		}
		t.out.difference(e.id)
		t.out.difference(uint64(e.knownAt))
		t.out.number(positive)
	}
	return true
}

// save puts a slot aside that is about to change, if it belongs to a snapshot and is not written yet.
func (s *State) save(slot uint32) {
	t := s.taking
	if t == nil || slot < t.next || slot >= t.slots {
		return
	}
	if _, twice := t.saved[slot]; twice {
		return
	}
	from := t.bytes.Len()
	s.writeSlot(t.aside, slot)
	_ = t.aside.flush() // a buffer never fails
	t.saved[slot] = stretch{from, t.bytes.Len()}
}
