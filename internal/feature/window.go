package feature

import (
	"math"
	"math/bits"

	"temporal-streaming/internal/pipeline"
)

// markForward finds the places of all marks for the newest record of a key. The places of bounds move forward from where the
// record before left them.
func (s *State) markForward(h []uint64, t int64) {
	words, mask := s.arena.ring(ring(h[headerRing]))
	n, width, stride := len(s.added), 1+len(s.added), s.arena.stride
	totals, last := h[headerTotals:headerTotals+n], h[headerHead]-1
	own := words[int(last&mask)*stride:]

	s.marks[markBefore*width] = last
	copy(s.marks[markBefore*width+1:][:n], own[1:])
	s.marks[markAfter*width] = last + 1
	copy(s.marks[markAfter*width+1:][:n], totals)

	places := h[headerTotals+n:]
	for j, distance := range s.stage.bounds {
		cut := t - distance
		place := places[j]
		event := words[int(place&mask)*stride:]
		for int64(event[0]) <= cut { // the record itself is later than any cut
			place++
			event = words[int(place&mask)*stride:]
		}
		places[j] = place
		mark := s.marks[(markBounds+j)*width:][:width]
		mark[0] = place
		copy(mark[1:], event[1:])
	}
}

// markAnywhere finds the places of all marks for the record at an index, wherever that is in its log.
func (s *State) markAnywhere(h []uint64, at uint64) {
	words, mask := s.arena.ring(ring(h[headerRing]))
	t := int64(words[int(at&mask)*s.arena.stride])
	s.mark(h, words, mask, markBefore, at)
	s.mark(h, words, mask, markAfter, at+1)
	for j, distance := range s.stage.bounds {
		s.mark(h, words, mask, markBounds+j, s.after(h, words, mask, t-distance))
	}
}

// mark sets one mark to a place of the log, which may be its end.
func (s *State) mark(h, words []uint64, mask uint64, which int, place uint64) {
	n, width := len(s.added), 1+len(s.added)
	m := s.marks[which*width:][:width]
	m[0] = place
	if place == h[headerHead] {
		copy(m[1:], h[headerTotals:headerTotals+n])
		return
	}
	copy(m[1:], words[int(place&mask)*s.arena.stride+1:])
}

// aggregate computes the stage's features from the marks.
func (s *State) aggregate(row, values []float64, h []uint64) {
	width := 1 + len(s.added)
	for i := range s.stage.aggregates {
		a := &s.stage.aggregates[i]
		from, to := s.marks[a.from*width:][:width], s.marks[a.to*width:][:width]
		n := to[0] - from[0]
		var v float64
		switch a.kind {
		case pipeline.Count:
			v = float64(n)
		case pipeline.Positives:
			v = float64(to[1+a.total] - from[1+a.total])
		case pipeline.Share:
			if a.known >= 0 {
				n = to[1+a.known] - from[1+a.known]
			}
			if n > 0 {
				v = float64(to[1+a.total]-from[1+a.total]) / float64(n)
			}
		case pipeline.Sum:
			v = float64(int64(to[1+a.total]-from[1+a.total])) / a.scale
		case pipeline.Mean:
			if n > 0 {
				v = float64(int64(to[1+a.total]-from[1+a.total])) / (float64(n) * a.scale)
			}
		case pipeline.Deviation:
			v = math.Sqrt(variance(a, from, to)) / a.scale
		case pipeline.ZScore:
			if deviation := math.Sqrt(variance(a, from, to)); deviation > 0 {
				own, _ := a.of.units(row) // read has checked it
				v = (float64(own) - float64(int64(to[1+a.total]-from[1+a.total]))/float64(n)) / deviation
			}
		case pipeline.RatioToMean:
			if sum := int64(to[1+a.total] - from[1+a.total]); sum != 0 {
				own, _ := a.of.units(row)
				v = float64(own) * float64(n) / float64(sum)
			}
		case pipeline.TimeSinceLast:
			v = s.sinceLast(h, a, s.marks[markBefore*width])
		default:
			v = s.overValues(h, a, from[0], to[0])
		}
		values[a.input] = v
	}
}

// variance is the sample variance in units squared, n sum(x^2) - sum(x)^2 over n (n - 1): the difference is exact in 128 bits.
func variance(a *aggregate, from, to []uint64) float64 {
	n := to[0] - from[0]
	if n < 2 {
		return 0
	}
	low, borrow := bits.Sub64(to[1+a.squares], from[1+a.squares], 0)
	high, _ := bits.Sub64(to[2+a.squares], from[2+a.squares], borrow)
	nHigh, nLow := bits.Mul64(low, n)
	nHigh += high * n
	size := magnitude(int64(to[1+a.total] - from[1+a.total]))
	sHigh, sLow := bits.Mul64(size, size)
	low, borrow = bits.Sub64(nLow, sLow, 0)
	high, _ = bits.Sub64(nHigh, sHigh, borrow)
	return (float64(high)*(1<<64) + float64(low)) / (float64(n) * float64(n-1))
}

// sinceLast is the time in seconds since the record before the one at an index.
func (s *State) sinceLast(h []uint64, a *aggregate, at uint64) float64 {
	since := a.window
	if at > h[headerBase] {
		words, mask := s.arena.ring(ring(h[headerRing]))
		before := int64(words[int((at-1)&mask)*s.arena.stride])
		since = min(since, int64(words[int(at&mask)*s.arena.stride])-before)
	}
	return float64(since) / 1000
}

// overValues looks at the values of all events from one place to another.
func (s *State) overValues(h []uint64, a *aggregate, from, to uint64) float64 {
	if from == to {
		return 0
	}
	words, mask := s.arena.ring(ring(h[headerRing]))
	column, stride := 1+len(s.added)+a.value, s.arena.stride
	if a.kind == pipeline.Distinct {
		s.set.begin(int(to - from))
		for i := from; i < to; i++ {
			s.set.add(words[int(i&mask)*stride+column])
		}
		return float64(s.set.len)
	}
	best := int64(words[int(from&mask)*stride+column])
	for i := from + 1; i < to; i++ {
		v := int64(words[int(i&mask)*stride+column])
		if a.kind == pipeline.Min {
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
