package feature

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"

	"temporal-streaming/internal/record"
)

// ReadState reads what Snapshot wrote. It returns ErrSnapshot for anything else, and ErrDefinition for a snapshot of other
// features; memory grows with the bytes that are there, never with what they claim.
func (s *Stage) ReadState(r io.Reader) (*State, error) {
	state, err := s.readState(r)
	if err != nil {
		return nil, fmt.Errorf("read snapshot of %s: %w", s.name, err)
	}
	return state, nil
}

func (s *Stage) readState(r io.Reader) (*State, error) {
	head := make([]byte, len(snapshotMagic)+4)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:len(snapshotMagic)]) != snapshotMagic {
		return nil, fmt.Errorf("%w: it does not begin as one", ErrSnapshot)
	}
	version := binary.LittleEndian.Uint32(head[len(snapshotMagic):])
	if version < 1 || version > 3 {
		return nil, fmt.Errorf("%w: version %d, this program reads 1 to 3", ErrSnapshot, version)
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	defer z.Close()
	in := newSnapshotReader(z)
	var digest [sha256.Size]byte
	in.bytes(digest[:])
	if in.err == nil && digest != s.Digest() {
		return nil, fmt.Errorf("%w: build the state anew from the records", ErrDefinition)
	}
	if in.err == nil && s.version() != version {
		return nil, fmt.Errorf("%w: it is of version %d, and the stage writes %d", ErrDefinition, version, s.version())
	}
	state := s.NewState()
	state.read1(in)
	if version >= 2 {
		state.readJoin(in)
	}
	want := in.sum.Sum(nil)
	var got [sha256.Size]byte
	if in.err == nil {
		_, in.err = io.ReadFull(in.r, got[:])
	}
	if in.err == nil && !bytes.Equal(got[:], want) {
		in.err = errors.New("the digest does not match")
	}
	if _, err := in.r.ReadByte(); in.err == nil && err != io.EOF {
		in.err = errors.New("something follows its end")
	}
	if in.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, in.err)
	}
	return state, nil
}

// read1 reads version 1.
func (s *State) read1(in *snapshotReader) {
	c, w := &s.counters, &s.sweep
	for _, to := range []*uint64{&c.Records, &c.Reordered, &c.Late, &c.Unusable, &c.Strayed, &c.Forgotten} {
		*to = in.number(math.MaxUint64)
	}
	w.low, w.within = int64(in.number(math.MaxUint64)), int(in.number(sweepBlock-1))
	w.clock, w.hand, w.due = int64(in.number(math.MaxUint64)), uint32(in.number(noSlot-1)), int(in.number(sweepBlock))
	var vacant []uint32
	for range in.number(noSlot - 1) {
		if in.err != nil {
			return
		}
		vacant = append(vacant, uint32(in.number(noSlot-1)))
	}
	slots := in.number(noSlot - 1)
	empty := 0
	for slot := range uint32(slots) {
		if in.number(1) == 0 {
			if in.err != nil {
				return
			}
			s.newVacancy()
			empty++
			continue
		}
		s.readKey(in, slot)
		if in.err != nil {
			return
		}
	}
	if empty != len(vacant) {
		in.fail("%d slots are vacant, %d are listed", empty, len(vacant))
		return
	}
	s.vacant = vacant
	seen := make(map[uint32]bool, len(vacant))
	for _, slot := range vacant {
		if slot >= s.slots || seen[slot] || s.header(slot)[headerNewest] != never {
			in.fail("slot %d is listed as vacant", slot)
			return
		}
		seen[slot] = true
	}
	s.sweep.due = w.due
}

// readJoin reads what the later versions have besides.
func (s *State) readJoin(in *snapshotReader) {
	j := s.join
	s.counters.Repeated = in.number(math.MaxUint64)
	for range in.number(math.MaxUint32) {
		r := labelled{id: in.difference(), key: in.difference(), time: int64(in.difference())}
		slot := in.number(2*uint64(s.slots) + 1)
		r.slot, r.told = uint32(slot>>1), slot&1 == 1
		if s.stage.exact {
			r.nth = uint32(in.number(math.MaxUint32))
		}
		if in.err == nil && r.slot >= s.slots {
			in.fail("a record is of slot %d, there are %d", r.slot, s.slots)
		}
		if in.err != nil {
			return
		}
		j.index[r.id] = uint64(len(j.known))
		j.known = append(j.known, r)
	}
	for range in.number(mostEarly) {
		e := early{id: in.difference(), knownAt: int64(in.difference()), positive: in.number(1) == 1}
		if in.err != nil {
			return
		}
		j.waiting = append(j.waiting, e)
		j.early[e.id] = e
	}
}

// newVacancy adds a slot without a key, which the list of vacant slots names later.
func (s *State) newVacancy() {
	slot := s.newSlot(0)
	h := s.header(slot)
	s.arena.give(ring(h[headerRing]))
	clear(h)
	h[headerNewest] = never
	s.sweep.due -= sweepPerNew
}

// readKey reads a key and its log into a new slot.
func (s *State) readKey(in *snapshotReader, slot uint32) {
	var key uint64
	var hash uint32
	var text []byte
	if s.stage.keyIsText {
		text = make([]byte, in.number(record.MaxTextBytes))
		in.bytes(text)
		hash = s.table.hashText(text)
		key = uint64(hash)
		if _, twice := s.findText(hash, text); twice {
			in.fail("a key is there twice")
		}
	} else {
		key = in.difference()
		hash = s.table.hashNumber(key)
		if _, twice := s.findNumber(hash, key); twice {
			in.fail("a key is there twice")
		}
	}
	if in.err != nil {
		return
	}
	s.newSlot(key)
	s.sweep.due -= sweepPerNew
	if s.stage.keyIsText {
		s.texts[slot] = text
	}
	s.table.insert(hash, slot)
	s.readLog(in, s.header(slot))
}

func (s *State) readLog(in *snapshotReader, h []uint64) {
	h[headerBase] = in.number(math.MaxUint64 / 2)
	h[headerHead] = h[headerBase]
	events := in.number(math.MaxUint64 / 2)
	newest := int64(in.difference())
	stride, totals := s.arena.stride, len(s.stage.totals)
	before := make([]uint64, 1+totals)
	last := int64(math.MinInt64)
	for i := uint64(0); i <= events && in.err == nil; i++ {
		if log := ring(h[headerRing]).log(); h[headerHead]-h[headerBase] == 1<<log-1 && i < events {
			s.resize(h, log+1)
		}
		words, mask := s.arena.ring(ring(h[headerRing]))
		event := words[int(h[headerHead]&mask)*stride:][:stride]
		from := 0
		if i == events {
			from = 1
		}
		for w := from; w <= totals; w++ {
			before[w] += in.difference()
			event[w] = before[w]
		}
		if i == events {
			break
		}
		for w := range event[1+totals:] {
			event[1+totals+w] = in.difference()
		}
		if t := int64(event[0]); t < last || t > newest || t < -maxMillis {
			in.fail("events are out of order")
		} else {
			last = t
		}
		h[headerHead]++
	}
	if newest < -maxMillis || newest > maxMillis {
		in.fail("the newest event has an impossible time")
	}
	if in.err != nil {
		return
	}
	h[headerNewest] = uint64(newest)
	words, mask := s.arena.ring(ring(h[headerRing]))
	for j, distance := range s.stage.bounds {
		h[headerPlaces+j] = s.after(h, words, mask, newest-distance)
	}
}
