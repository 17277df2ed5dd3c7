package feature

import (
	"math"

	"temporal-streaming/internal/record"
)

// Partition answers to which of n partitions of the stage's topic a row goes: that of its key, always the same one. It is fixed
// for good, since records that are in the topic already would be in the wrong place otherwise: the key's word (a number as a
// 64-bit integer, a text's FNV-1a hash), mixed by the finaliser of MurmurHash3, modulo n.
func (s *Stage) Partition(row []float64, texts *record.Texts, n int32) int32 {
	word := uint64(int64(row[s.key]))
	if s.keyIsText {
		word = fingerprint(texts.At(row[s.key]))
	}
	word ^= word >> 33
	word *= 0xff51afd7ed558ccd
	word ^= word >> 33
	word *= 0xc4ceb9fe1a85ec53
	word ^= word >> 33
	return int32(word % uint64(n))
}

// Inputs are the features that the stage computes, as places among the program's, in its own order.
func (s *Stage) Inputs() []int {
	inputs := make([]int, len(s.aggregates))
	for i, a := range s.aggregates {
		inputs[i] = a.input
	}
	return inputs
}

// Usable tells whether a row can become history: Update would answer the same.
func (s *Stage) Usable(row []float64) bool {
	if len(s.aggregates) == 0 {
		return true
	}
	if _, ok := millisOf(row[s.time]); !ok {
		return false
	}
	for i := range s.totals {
		if k := s.totals[i].kind; k == ofUnits || k == ofSquares {
			if _, ok := s.totals[i].of.units(row); !ok {
				return false
			}
		}
	}
	for i := range s.values {
		if v := &s.values[i]; !v.text && !v.raw {
			if _, ok := v.units(row); !ok {
				return false
			}
		}
	}
	return true
}

// Fingerprint is what a prediction says of the vector that the model was given: 64-bit FNV-1a over the bits of its float32
// values, one after another. Vectors that differ in a single bit have another one, but for one in 2^64.
func Fingerprint(x []float32) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, v := range x {
		h = (h ^ uint64(math.Float32bits(v))) * 0x100000001b3
	}
	return h
}
