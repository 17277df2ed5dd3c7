package feature

import (
	"math"

	"temporal-streaming/internal/record"
)

// A header is a slot's words: who it is, where its log is, and what the next record of the key needs.
const (
	headerKey    = iota // a number; of a text, its hash
	headerRing          // a ring
	headerBase          // index of the oldest event in the ring
	headerHead          // index of the event to come: how many there have been
	headerNewest        // time of the newest event
	headerPlaces        // the index at each bound, as of the newest event
)

const slotsPerChunk = 1 << 10

// noSlot is the hint that there is none.
const noSlot = math.MaxUint32

// never is the newest time of a key without events: every time is later.
const never = 1 << 63 // math.MinInt64

// slotOf returns the slot of the record's key, a new one if it has none.
func (s *State) slotOf(row []float64, texts *record.Texts, hint uint32) uint32 {
	if s.stage.keyIsText {
		text := texts.At(row[s.stage.key])
		hash := s.table.hashText(text)
		slot, ok := s.findText(hash, text)
		if !ok {
			slot = s.newSlot(uint64(hash))
			s.texts[slot] = append(s.texts[slot], text...)
			s.table.insert(hash, slot)
		}
		return slot
	}
	key := uint64(int64(row[s.stage.key]))
	if hint != noSlot {
		if h := s.header(hint); h[headerKey] == key && h[headerNewest] != never {
			return hint
		}
	}
	hash := s.table.hashNumber(key)
	slot, ok := s.findNumber(hash, key)
	if !ok {
		slot = s.newSlot(key)
		s.table.insert(hash, slot)
	}
	return slot
}

// newSlot returns a slot with the header of a key that has no events.
func (s *State) newSlot(key uint64) uint32 {
	var slot uint32
	if n := len(s.vacant); n > 0 {
		slot = s.vacant[n-1]
		s.vacant = s.vacant[:n-1]
		s.save(slot)
	} else {
		slot = s.slots
		s.slots++
		if int(slot/slotsPerChunk) == len(s.headers) {
			s.headers = append(s.headers, make([]uint64, slotsPerChunk*s.headerWords()))
		}
		if s.stage.keyIsText {
			s.texts = append(s.texts, nil)
		}
	}
	s.sweep.due += sweepPerNew
	h := s.header(slot)
	clear(h)
	h[headerKey] = key
	h[headerRing] = uint64(s.arena.take(firstRing))
	h[headerNewest] = never
	words, _ := s.arena.ring(ring(h[headerRing]))
	clear(words[:s.arena.stride]) // the totals before the first event
	return slot
}

func (s *State) headerWords() int {
	return headerPlaces + len(s.stage.bounds)
}

func (s *State) header(slot uint32) []uint64 {
	n := s.headerWords()
	at := int(slot%slotsPerChunk) * n
	return s.headers[slot/slotsPerChunk][at : at+n : at+n]
}
