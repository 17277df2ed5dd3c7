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

// aggregate computes the aggregates of a phase from the marks of a record.
func (s *State) aggregate(ph *phase, row, values []float64, h []uint64) {
	words, mask := s.arena.ring(ring(h[headerRing]))
	for i := range ph.counts {
		c := &ph.counts[i]
		values[c.input] = float64(int64(s.marks[c.to].place - s.marks[c.from].place))
	}
	for i := range ph.quotients {
		q := &ph.quotients[i]
		from, to := &s.marks[q.from], &s.marks[q.to]
		sum := words[to.at+1+q.total]
		if from.at >= 0 {
			sum -= words[from.at+1+q.total]
		}
		v := float64(int64(sum))
		if sum != 0 { // nothing divided is nothing, and so there is something to divide by
			by := q.scale
			if q.perRecord {
				by *= float64(int64(to.place - from.place))
			}
			v /= by
		}
		values[q.input] = v
	}
	for _, i := range ph.aggregates {
		a := &s.stage.aggregates[i]
		from, to := s.marks[a.from], s.marks[a.to]
		if a.rows > 0 {
			from = s.markOf(max(to.place-min(to.place, a.rows), h[headerBase]), mask)
		}
		n := to.place - from.place
		if a.chosen {
			n = a.n.between(words, from, to)
		}
		v := a.empty
		switch {
		case n < a.least:
		case a.kind == aggregateCount:
			v = float64(n)
		case a.kind == aggregateSum:
			v = float64(int64(between(words, a.total, from, to))) / a.scale
		case n > 0:
			v = s.valueOf(a, row, words, mask, from, to, n)
		}
		values[a.input] = v
	}
}

// valueOf computes an aggregate of n records, which are not none.
func (s *State) valueOf(a *aggregate, row []float64, words []uint64, mask uint64, from, to mark, n uint64) float64 {
	switch a.kind {
	case aggregateMean:
		return float64(int64(between(words, a.total, from, to))) / (float64(n) * a.scale)
	case aggregateShare:
		return float64(between(words, a.total, from, to)) / (float64(n) + a.smoothing)
	case aggregateDeviation:
		return math.Sqrt(a.variance(words, from, to, n)) / a.scale
	case aggregateZScore:
		if deviation := math.Sqrt(a.variance(words, from, to, n)); deviation > 0 {
			own, _ := a.of.units(row) // read has checked it
			return (float64(own) - float64(int64(between(words, a.total, from, to)))/float64(n)) / deviation
		}
		return 0
	case aggregateRatioToMean:
		if sum := int64(between(words, a.total, from, to)); sum != 0 {
			own, _ := a.of.units(row)
			return float64(own) * float64(n) / float64(sum)
		}
		return 0
	case aggregateSinceLast:
		return s.since(words, s.lastOf(a, words, mask, from.place, to))
	case aggregateSinceFirst:
		return s.since(words, s.firstOf(a, words, mask, from, to.place))
	case aggregateRun, aggregateRunAge:
		return s.runOf(a, words, mask, from.place, to)
	case aggregateLast:
		return math.Float64frombits(words[s.lastOf(a, words, mask, from.place, to).at+1+len(s.added)+a.value])
	}
	return s.overValues(a, words, mask, from, to, n)
}

// between is what a total grew by from one mark to another. All totals are 0 at a log's origin, which the ring may have left.
func between(words []uint64, total int, from, to mark) uint64 {
	if from.at < 0 {
		return words[to.at+1+total]
	}
	return words[to.at+1+total] - words[from.at+1+total]
}

// variance is the sample variance of n records in units squared, n sum(x^2) - sum(x)^2 over n (n - 1): the difference is exact in 128 bits.
func (a *aggregate) variance(words []uint64, from, to mark, n uint64) float64 {
	if n < 2 {
		return 0
	}
	low, high := words[to.at+1+a.squares], words[to.at+2+a.squares]
	if from.at >= 0 {
		var borrow uint64
		low, borrow = bits.Sub64(low, words[from.at+1+a.squares], 0)
		high, _ = bits.Sub64(high, words[from.at+2+a.squares], borrow)
	}
	nHigh, nLow := bits.Mul64(low, n)
	nHigh += high * n
	size := magnitude(int64(between(words, a.total, from, to)))
	sHigh, sLow := bits.Mul64(size, size)
	low, borrow := bits.Sub64(nLow, sLow, 0)
	high, _ = bits.Sub64(nHigh, sHigh, borrow)
	return (float64(high)*(1<<64) + float64(low)) / (float64(n) * float64(n-1))
}
