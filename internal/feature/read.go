package feature

import (
	"math"
	"math/bits"

	"temporal-streaming/internal/record"
)

// read takes what the record adds to the totals, and its values.
func (s *State) read(row []float64, texts *record.Texts, label Label) bool {
	for i := range s.stage.totals {
		switch t := &s.stage.totals[i]; t.kind {
		case ofUnits:
			units, ok := t.of.units(row)
			if !ok {
				return false
			}
			s.added[i] = uint64(units)
		case ofSquares:
			units, ok := t.of.units(row)
			if !ok {
				return false
			}
			size := magnitude(units)
			s.added[i+1], s.added[i] = bits.Mul64(size, size)
		case ofPositives:
			s.added[i] = count(label == Positive)
		case ofKnown:
			s.added[i] = count(label != Unknown)
		case ofRecords:
			s.added[i] = 1
		}
	}
	if s.stage.judges {
		for i := range s.stage.totals {
			if s.stage.totals[i].filter >= 0 { // not before it is known to meet it
				s.whole[i], s.added[i] = s.added[i], 0
			}
		}
	}
	for i := range s.stage.values {
		v := &s.stage.values[i]
		if v.raw {
			continue // judge takes it
		}
		if v.text {
			s.seen[i] = fingerprint(texts.At(row[v.column]))
			continue
		}
		units, ok := v.units(row)
		if !ok {
			return false
		}
		s.seen[i] = uint64(units)
	}
	return true
}

func (f *source) units(row []float64) (units int64, ok bool) {
	v := math.Round(row[f.column] * f.scale)
	return int64(v), v >= -maxUnits && v <= maxUnits
}

// maxUnits bounds a value, so that float64 holds it exactly.
const maxUnits = 1 << 53

// millisOf rounds a time to whole milliseconds; ok is false for one that is not between the years 1 and 9999.
func millisOf(seconds float64) (millis int64, ok bool) {
	exact := seconds * 1000
	if !(math.Abs(exact) < maxMillis+1) {
		return 0, false
	}
	if millis = int64(exact); float64(millis) != exact {
		millis = int64(math.Round(exact))
	}
	return millis, -maxMillis <= millis && millis <= maxMillis
}

func count(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return uint64(-v)
	}
	return uint64(v)
}

// fingerprint is the FNV-1a hash of a text: texts are told apart by 64 bits of it.
func fingerprint(text []byte) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, c := range text {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return h
}
