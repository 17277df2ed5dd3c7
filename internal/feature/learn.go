package feature

import (
	"math"

	"temporal-streaming/internal/record"
)

// Learn tells the label of a record that is history already; row is that record's. It is found by key and event time. Which
// one of several records of a key at the same time it was makes no difference to any window, so none is remembered by an id: the
// caller tells each label once.
//
// found is false, and nothing changes, where the history has no record of that key at that time: it is too old for any
// window, or it came so late that it was moved.
func (s *State) Learn(row []float64, texts *record.Texts, positive bool) (found bool) {
	millis := math.Round(row[s.stage.time] * 1000)
	slot, ok := s.known(row, texts)
	if !ok || !(math.Abs(millis) <= maxMillis) {
		s.counters.Strayed++
		return false
	}
	s.save(slot)
	if !s.learn(s.header(slot), int64(millis), positive) {
		s.counters.Strayed++
		return false
	}
	return true
}

// known returns the slot of the record's key.
func (s *State) known(row []float64, texts *record.Texts) (slot uint32, ok bool) {
	if s.stage.keyIsText {
		text := texts.At(row[s.stage.key])
		return s.findText(s.table.hashText(text), text)
	}
	key := uint64(int64(row[s.stage.key]))
	return s.findNumber(s.table.hashNumber(key), key)
}

// learn adds the label to the totals of all later events.
func (s *State) learn(h []uint64, t int64, positive bool) bool {
	words, mask := s.arena.ring(ring(h[headerRing]))
	next := s.after(h, words, mask, t)
	if next == h[headerBase] || int64(words[int((next-1)&mask)*s.arena.stride]) != t {
		return false
	}
	for i, total := range s.stage.totals {
		if total.kind != ofKnown && (total.kind != ofPositives || !positive) {
			continue
		}
		for e := next; e <= h[headerHead]; e++ {
			words[int(e&mask)*s.arena.stride+1+i]++
		}
	}
	return true
}
