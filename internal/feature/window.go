package feature

import (
	"math"
	"math/bits"
)

// mark is a place in a log: how many events are before it, and where in the ring the event behind it stands, which has the
// totals of those before.
type mark struct {
	place uint64
	at    int
}

// aggregate computes the stage's features from the marks of a record.
func (s *State) aggregate(row, values []float64, h []uint64) {
	words, mask := s.arena.ring(ring(h[headerRing]))
	for i := range s.stage.aggregates {
		a := &s.stage.aggregates[i]
		from, to := s.marks[a.from], s.marks[a.to]
		n := to.place - from.place
		var v float64
		switch a.kind {
		case aggregateCount:
			v = float64(n)
		case aggregateSum:
			v = float64(int64(a.between(words, a.total, from, to))) / a.scale
		case aggregateMean:
			if n > 0 {
				v = float64(int64(a.between(words, a.total, from, to))) / (float64(n) * a.scale)
			}
		case aggregateShare:
			if a.known >= 0 {
				n = a.between(words, a.known, from, to)
			}
			if n > 0 {
				v = float64(a.between(words, a.total, from, to)) / float64(n)
			}
		case aggregateDeviation:
			v = math.Sqrt(a.variance(words, from, to)) / a.scale
		case aggregateZScore:
			if deviation := math.Sqrt(a.variance(words, from, to)); deviation > 0 {
				own, _ := a.of.units(row) // read has checked it
				v = (float64(own) - float64(int64(a.between(words, a.total, from, to)))/float64(n)) / deviation
			}
		case aggregateRatioToMean:
			if sum := int64(a.between(words, a.total, from, to)); sum != 0 {
				own, _ := a.of.units(row)
				v = float64(own) * float64(n) / float64(sum)
			}
		case aggregateSinceLast:
			v = s.sinceLast(h, words, mask, a)
		default:
			v = s.overValues(words, mask, a, from.place, to.place)
		}
		values[a.input] = v
	}
}

// between is what a total grew by from one mark to another. All totals are 0 at a log's origin, which the ring may have left.
func (a *aggregate) between(words []uint64, total int, from, to mark) uint64 {
	if a.from == markOrigin {
		return words[to.at+1+total]
	}
	return words[to.at+1+total] - words[from.at+1+total]
}

// variance is the sample variance in units squared, n sum(x^2) - sum(x)^2 over n (n - 1): the difference is exact in 128 bits.
func (a *aggregate) variance(words []uint64, from, to mark) float64 {
	n := to.place - from.place
	if n < 2 {
		return 0
	}
	low, high := words[to.at+1+a.squares], words[to.at+2+a.squares]
	if a.from != markOrigin {
		var borrow uint64
		low, borrow = bits.Sub64(low, words[from.at+1+a.squares], 0)
		high, _ = bits.Sub64(high, words[from.at+2+a.squares], borrow)
	}
	nHigh, nLow := bits.Mul64(low, n)
	nHigh += high * n
	size := magnitude(int64(a.between(words, a.total, from, to)))
	sHigh, sLow := bits.Mul64(size, size)
	low, borrow := bits.Sub64(nLow, sLow, 0)
	high, _ = bits.Sub64(nHigh, sHigh, borrow)
	return (float64(high)*(1<<64) + float64(low)) / (float64(n) * float64(n-1))
}

// sinceLast is the time in seconds since the key's record before.
func (s *State) sinceLast(h, words []uint64, mask uint64, a *aggregate) float64 {
	since, own := a.window, s.marks[markBefore]
	if own.place > h[headerBase] {
		before := s.markOf(own.place-1, mask)
		since = min(since, int64(words[own.at])-int64(words[before.at]))
	}
	return float64(since) / 1000
}

// overValues looks at the values of all events from one place to another.
func (s *State) overValues(words []uint64, mask uint64, a *aggregate, from, to uint64) float64 {
	if from == to {
		return 0
	}
	column, stride := 1+len(s.added)+a.value, s.arena.stride
	if a.kind == aggregateDistinct {
		s.set.begin(int(to - from))
		for i := from; i < to; i++ {
			s.set.add(words[int(i&mask)*stride+column])
		}
		return float64(s.set.len)
	}
	best := int64(words[int(from&mask)*stride+column])
	for i := from + 1; i < to; i++ {
		v := int64(words[int(i&mask)*stride+column])
		if a.kind == aggregateMin {
			best = min(best, v)
		} else {
			best = max(best, v)
		}
	}
	return float64(best) / a.scale
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
