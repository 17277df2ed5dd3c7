package feature

import "math/bits"

// append puts the record behind the newest event of its key.
func (s *State) append(h []uint64, t int64) {
	if h[headerHead]-h[headerBase] == 1<<ring(h[headerRing]).log() {
		s.makeRoom(h)
	}
	words, mask := s.arena.ring(ring(h[headerRing]))
	at := int(h[headerHead]&mask) * s.arena.stride
	event := words[at : at+s.arena.stride]
	event[0] = uint64(t)
	n := len(s.added)
	copy(event[1:], h[headerTotals:headerTotals+n])
	copy(event[1+n:], s.seen)
	s.plus(h[headerTotals : headerTotals+n])
	h[headerHead]++
	h[headerNewest] = uint64(t)
}

// plus adds the record to totals. Differences of totals are right as long as a window's own total fits, however often the
// sums have wrapped.
func (s *State) plus(totals []uint64) {
	for i, v := range s.added {
		if s.stage.totals[i].kind == carry {
			continue
		}
		var over uint64
		totals[i], over = bits.Add64(totals[i], v, 0)
		if s.stage.totals[i].kind == ofSquares {
			totals[i+1], _ = bits.Add64(totals[i+1], s.added[i+1], over)
		}
	}
}

// makeRoom forgets the events that no window can reach any more, and takes a larger ring where that is not enough.
func (s *State) makeRoom(h []uint64) {
	s.trim(h)
	kept := h[headerHead] - h[headerBase]
	if log := ring(h[headerRing]).log(); 4*kept > 3<<log {
		s.resize(h, log+1)
	}
}

// trim moves the base up to the oldest event that a window of a record within the tolerance may begin at.
func (s *State) trim(h []uint64) {
	words, mask := s.arena.ring(ring(h[headerRing]))
	oldest := int64(h[headerNewest]) - s.stage.longest - s.stage.tolerance
	base := h[headerBase]
	for base < h[headerHead] && int64(words[int(base&mask)*s.arena.stride]) <= oldest {
		base++
	}
	h[headerBase] = base
}

// resize moves a log to a ring of 2^log events.
func (s *State) resize(h []uint64, log int) {
	from, fromMask := s.arena.ring(ring(h[headerRing]))
	r := s.arena.take(log)
	to, toMask := s.arena.ring(r)
	n := s.arena.stride
	for i := h[headerBase]; i < h[headerHead]; i++ {
		copy(to[int(i&toMask)*n:][:n], from[int(i&fromMask)*n:][:n])
	}
	s.arena.give(ring(h[headerRing]))
	h[headerRing] = uint64(r)
}

// insert puts a record that lies behind the newest event of its key in its place, and returns its index.
func (s *State) insert(h []uint64, t int64) uint64 {
	newest := int64(h[headerNewest])
	if t < newest-s.stage.tolerance {
		t = newest - s.stage.tolerance
		s.counters.Late++
	} else {
		s.counters.Reordered++
	}
	if h[headerHead]-h[headerBase] == 1<<ring(h[headerRing]).log() {
		s.makeRoom(h)
	}
	words, mask := s.arena.ring(ring(h[headerRing]))
	at := s.after(h, words, mask, t)
	n, totals := s.arena.stride, len(s.added)
	for i := h[headerHead]; i > at; i-- {
		event := words[int(i&mask)*n:][:n]
		copy(event, words[int((i-1)&mask)*n:][:n])
		s.plus(event[1 : 1+totals])
	}
	event := words[int(at&mask)*n:][:n]
	event[0] = uint64(t)
	if at == h[headerHead] {
		copy(event[1:], h[headerTotals:headerTotals+totals])
	} // else what stood here had the same totals before it
	copy(event[1+totals:], s.seen)
	s.plus(h[headerTotals : headerTotals+totals])
	h[headerHead]++
	for j, distance := range s.stage.bounds {
		if t <= newest-distance {
			h[headerTotals+totals+j]++
		}
	}
	return at
}

// after returns the index of the first event in the ring that is later than t.
func (s *State) after(h, words []uint64, mask uint64, t int64) uint64 {
	low, high := h[headerBase], h[headerHead]
	for low < high {
		middle := low + (high-low)/2
		if int64(words[int(middle&mask)*s.arena.stride]) <= t {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}
