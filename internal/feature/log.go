package feature

import "math/bits"

// A log keeps the events from its base to its head in a ring. At the head stands an open event: it has no time yet, but the
// totals of all events before it. So every place of a log, its end included, has its totals in the ring.

// append puts the record behind the newest event of its key, and marks where its windows begin and end. The places of bounds
// move forward from where the record before left them.
func (s *State) append(h []uint64, t int64) {
	if h[headerHead]-h[headerBase] == 1<<ring(h[headerRing]).log()-1 {
		s.makeRoom(h)
	}
	words, mask := s.arena.ring(ring(h[headerRing]))
	stride := s.arena.stride
	head := h[headerHead]
	own, next := int(head&mask)*stride, int((head+1)&mask)*stride
	words[own] = uint64(t)
	s.fill(words[own:own+stride], words[next:next+stride])
	h[headerHead] = head + 1
	h[headerNewest] = uint64(t)

	s.marks[markBefore] = mark{head, own}
	s.marks[markAfter] = mark{head + 1, next}
	// How many events have left a window since the record before is anybody's guess, a processor's too. So four at a time are
	// counted without a branch. The record itself, which is later than any cut, ends the count before what is behind it.
	places, marks := h[headerPlaces:], s.marks[markBounds:]
	for j, distance := range s.stage.bounds {
		cut := t - distance
		place := places[j]
		for {
			first := notAfter(words[int(place&mask)*stride], cut)
			second := first & notAfter(words[int((place+1)&mask)*stride], cut)
			third := second & notAfter(words[int((place+2)&mask)*stride], cut)
			fourth := third & notAfter(words[int((place+3)&mask)*stride], cut)
			place += first + second + third + fourth
			if fourth == 0 {
				break
			}
		}
		places[j] = place
		marks[j] = mark{place, int(place&mask) * stride}
	}
}

// notAfter is 1 for an event's time that is not after a cut, and else 0, without a branch.
func notAfter(time uint64, cut int64) uint64 { return uint64(int64(time)-cut-1) >> 63 }

// fill puts the record's values into its event, and the totals after it into the next.
func (s *State) fill(event, next []uint64) {
	for i, v := range s.added {
		next[1+i] = event[1+i] + v
	}
	for _, i := range s.stage.squares {
		var over uint64
		next[1+i], over = bits.Add64(event[1+i], s.added[i], 0)
		next[2+i], _ = bits.Add64(event[2+i], s.added[i+1], over)
	}
	if len(s.seen) > 0 {
		copy(event[1+len(s.added):], s.seen)
	}
}

// makeRoom forgets the events that no window can reach any more, and takes a larger ring where that is not enough.
func (s *State) makeRoom(h []uint64) {
	s.trim(h)
	kept := h[headerHead] - h[headerBase]
	if log := ring(h[headerRing]).log(); 4*kept > 3<<log-4 {
		s.resize(h, log+1)
	}
}

// trim moves the base up to the oldest event that a window of a record within the tolerance may begin at.
func (s *State) trim(h []uint64) {
	words, mask := s.arena.ring(ring(h[headerRing]))
	oldest := int64(h[headerNewest]) - s.stage.longest - s.stage.tolerance
	base := uint64(0)
	if s.stage.farthest < 0 {
		base = s.after(h, words, mask, oldest)
	} else {
		base = h[headerPlaces+s.stage.farthest] // the tolerance reaches a few events further back
		for base > h[headerBase] && int64(words[int((base-1)&mask)*s.arena.stride]) > oldest {
			base--
		}
	}
	if len(s.stage.rows) > 0 {
		base = s.reached(h, words, mask, base)
	}
	h[headerBase] = base
}

// reached moves a base down to the oldest event that a window of so many records may begin at, and to the first of its instant, so
// that a label still finds which one of that it belongs to.
func (s *State) reached(h, words []uint64, mask, base uint64) uint64 {
	for _, w := range s.stage.rows {
		cut := int64(h[headerNewest]) - s.stage.tolerance
		if w.bound >= 0 {
			cut -= s.stage.bounds[w.bound]
		}
		place := s.after(h, words, mask, cut)
		base = min(base, place-min(place, w.n))
	}
	base = max(base, h[headerBase])
	for base > h[headerBase] && words[int((base-1)&mask)*s.arena.stride] == words[int(base&mask)*s.arena.stride] {
		base--
	}
	return base
}

// resize moves a log to a ring of 2^log events.
func (s *State) resize(h []uint64, log int) {
	from, fromMask := s.arena.ring(ring(h[headerRing]))
	r := s.arena.take(log)
	to, toMask := s.arena.ring(r)
	n := s.arena.stride
	for i := h[headerBase]; i <= h[headerHead]; i++ {
		copy(to[int(i&toMask)*n:][:n], from[int(i&fromMask)*n:][:n])
	}
	s.arena.give(ring(h[headerRing]))
	h[headerRing] = uint64(r)
}

// insert puts a record that lies behind the newest event of its key in its place, marks where its windows begin and end,
// and answers the time that it counts as.
func (s *State) insert(h []uint64, t int64) (at int64) {
	newest := int64(h[headerNewest])
	if t < newest-s.stage.tolerance {
		t = newest - s.stage.tolerance
		s.counters.Late++
	} else {
		s.counters.Reordered++
	}
	if h[headerHead]-h[headerBase] == 1<<ring(h[headerRing]).log()-1 {
		s.makeRoom(h)
	}
	words, mask := s.arena.ring(ring(h[headerRing]))
	stride := s.arena.stride
	place := s.after(h, words, mask, t)
	for i := h[headerHead] + 1; i > place; i-- {
		copy(words[int(i&mask)*stride:][:stride], words[int((i-1)&mask)*stride:][:stride])
	}
	event := words[int(place&mask)*stride:][:stride]
	event[0] = uint64(t)
	s.fill(event, words[int((place+1)&mask)*stride:][:stride])
	h[headerHead]++
	for i := place + 2; i <= h[headerHead]; i++ {
		s.raise(words[int(i&mask)*stride:][:stride])
	}
	for j, distance := range s.stage.bounds {
		if t <= newest-distance {
			h[headerPlaces+j]++
		}
	}
	s.marks[markBefore] = s.markOf(place, mask)
	s.marks[markAfter] = s.markOf(place+1, mask)
	for j, distance := range s.stage.bounds {
		s.marks[markBounds+j] = s.markOf(s.after(h, words, mask, t-distance), mask)
	}
	return t
}

// raise adds the record to the totals of a later event.
func (s *State) raise(event []uint64) {
	for i, v := range s.added {
		if s.stage.totals[i].kind == carry {
			continue
		}
		var over uint64
		event[1+i], over = bits.Add64(event[1+i], v, 0)
		if s.stage.totals[i].kind == ofSquares {
			event[2+i], _ = bits.Add64(event[2+i], s.added[i+1], over)
		}
	}
}

// ordinal tells the record that was just placed apart from those of its key at the same time: how many of them stand before it.
func (s *State) ordinal(h []uint64) uint32 {
	words, mask := s.arena.ring(ring(h[headerRing]))
	own := s.marks[markBefore]
	first := own.place
	for first > h[headerBase] && words[int((first-1)&mask)*s.arena.stride] == words[own.at] {
		first--
	}
	return uint32(own.place - first)
}

func (s *State) markOf(place, mask uint64) mark { return mark{place, int(place&mask) * s.arena.stride} }

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
