package feature

import (
	"math/bits"
	"slices"
)

// lastOf finds the newest record between two marks that an aggregate counts. There must be one.
func (s *State) lastOf(a *aggregate, words []uint64, mask, from uint64, to mark) mark {
	low, high := from, to.place-1 // the record is among them
	newest := s.markOf(high, mask)
	if !a.chosen {
		return newest
	}
	want := a.n.at(words, to)
	if a.n.at(words, newest) != want {
		return newest
	}
	for low < high { // the count rises no more from the record's place + 1 on
		middle := low + (high-low)/2
		if a.n.at(words, s.markOf(middle+1, mask)) == want {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return s.markOf(low, mask)
}

// firstOf finds the oldest record between two marks that an aggregate counts. There must be one.
func (s *State) firstOf(a *aggregate, words []uint64, mask uint64, from mark, to uint64) mark {
	if !a.chosen {
		return from
	}
	before := a.n.at(words, from)
	low, high := from.place, to-1
	for low < high {
		middle := low + (high-low)/2
		if a.n.at(words, s.markOf(middle+1, mask)) != before {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return s.markOf(low, mask)
}

// since is the time in seconds from an event to the record itself.
func (s *State) since(words []uint64, m mark) float64 {
	return float64(int64(words[s.marks[markBefore].at])-int64(words[m.at])) / 1000
}

// runOf counts the records before a mark that are counted without a break, or tells how long ago the first of them was.
func (s *State) runOf(a *aggregate, words []uint64, mask, from uint64, to mark) float64 {
	first, count := to, a.n.at(words, to)
	for first.place > from {
		before := s.markOf(first.place-1, mask)
		n := a.n.at(words, before)
		if n == count {
			break
		}
		first, count = before, n
	}
	switch {
	case a.kind == aggregateRun:
		return float64(to.place - first.place)
	case first.place == to.place:
		return 0
	}
	return s.since(words, first)
}

// overValues looks at the values of the n records between two marks that an aggregate counts.
func (s *State) overValues(a *aggregate, words []uint64, mask uint64, from, to mark, n uint64) float64 {
	s.window = s.window[:0]
	column, stride := 1+len(s.added)+a.value, s.arena.stride
	for i := from.place; i < to.place; i++ {
		at := int(i&mask) * stride
		if a.chosen && a.n.at(words, mark{i, at}) == a.n.at(words, s.markOf(i+1, mask)) {
			continue
		}
		s.window = append(s.window, int64(words[at+column]))
	}
	switch a.kind {
	case aggregateDistinct:
		s.set.begin(int(n))
		for _, v := range s.window {
			s.set.add(uint64(v))
		}
		return float64(s.set.len)
	case aggregateMin:
		return float64(slices.Min(s.window)) / a.scale
	case aggregateMax:
		return float64(slices.Max(s.window)) / a.scale
	}
	return median(s.window) / a.scale
}

// median puts the values into another order.
func median(values []int64) float64 {
	middle := len(values) / 2
	upper := nth(values, middle)
	if len(values)%2 == 1 {
		return float64(upper)
	}
	return float64(slices.Max(values[:middle])+upper) / 2
}

// nth finds the value that would have the place k if the values were sorted: those before it are at most as large then, those behind
// at least. It is Hoare's selection with the median of three as pivot.
func nth(values []int64, k int) int64 {
	low, high := 0, len(values)-1
	for low < high {
		a, b, c := values[low], values[low+(high-low)/2], values[high]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := low, high
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			high = j
		case k >= i:
			low = i
		default:
			return values[k]
		}
	}
	return values[k]
}

// wordSet counts different words. Its memory is reused: an entry belongs to the current set if it bears its stamp.
type wordSet struct {
	words  []uint64
	stamps []uint32
	stamp  uint32
	len    int
}

// begin empties the set and makes room for n words.
func (s *wordSet) begin(n int) {
	if size := 1 << bits.Len(uint(2*n)); size > len(s.words) {
		s.words, s.stamps, s.stamp = make([]uint64, size), make([]uint32, size), 0
	}
	if s.stamp++; s.stamp == 0 {
		clear(s.stamps)
		s.stamp = 1
	}
	s.len = 0
}

func (s *wordSet) add(word uint64) {
	mask := uint64(len(s.words) - 1)
	i := word * 0x9e3779b97f4a7c15 >> 32 & mask
	for ; s.stamps[i] == s.stamp; i = (i + 1) & mask {
		if s.words[i] == word {
			return
		}
	}
	s.stamps[i], s.words[i] = s.stamp, word
	s.len++
}
