package feature

import "temporal-streaming/internal/record"

// Learn tells the label of a record that is history already; row is that record's. It is found by key and event time; nth says which
// one it is of several records of that key at the same time, in the order of arrival, from 0 on. The caller tells each label once.
//
// found is false, and nothing changes, where the history has no record of that key at that time: it is too old for any
// window, or it came so late that it was moved.
func (s *State) Learn(row []float64, texts *record.Texts, nth uint32, positive bool) (found bool) {
	millis, usable := millisOf(row[s.stage.time])
	slot, ok := s.known(row, texts)
	if !ok || !usable {
		s.counters.Strayed++
		return false
	}
	s.save(slot)
	if !s.learn(s.header(slot), millis, nth, positive) {
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

// learn adds the label to the totals of all later events. Which one of several records of an instant it was makes a difference in
// exact stages only; in others the last one stands for all. The log is trimmed first, so that a label of a record that no window with
// a length reaches any more is refused always, and not only where the memory has been wanted already.
func (s *State) learn(h []uint64, t int64, nth uint32, positive bool) bool {
	s.trim(h)
	words, mask := s.arena.ring(ring(h[headerRing]))
	next := s.after(h, words, mask, t)
	if next == h[headerBase] || int64(words[int((next-1)&mask)*s.arena.stride]) != t {
		return false
	}
	if s.stage.exact {
		first := s.after(h, words, mask, t-1)
		if uint64(nth) >= next-first {
			return false
		}
		next = first + uint64(nth) + 1
	}
	before, after := s.markOf(next-1, mask), s.markOf(next, mask)
	for i, total := range s.stage.totals {
		if total.kind != ofKnown && (total.kind != ofPositives || !positive) {
			continue
		}
		if total.base >= 0 && words[after.at+1+total.base] == words[before.at+1+total.base] {
			continue // the record does not meet the total's condition
		}
		for e := next; e <= h[headerHead]; e++ {
			words[int(e&mask)*s.arena.stride+1+i]++
		}
	}
	return true
}
