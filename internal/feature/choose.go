package feature

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// filter is a condition on a value of a record, as it was when the record came.
type filter struct {
	of              operand
	equal           bool // to low
	hasLow, hasHigh bool
	low, high       float64 // low < value <= high
	phase           int     // in which the value is known
	meaning         string
}

func (f *filter) meets(v float64) bool {
	if f.equal {
		return v == f.low
	}
	return (!f.hasLow || v > f.low) && (!f.hasHigh || v <= f.high)
}

// filterOf returns the stage's filter for what a condition says of a value; -1 if it says nothing.
func (s *Stage) filterOf(p *Program, schema *record.Schema, w *pipeline.Where) (i int, meaning string, err error) {
	if w.Value == "" {
		return -1, "", nil
	}
	f := filter{equal: w.Is != nil, hasLow: w.Above != nil, hasHigh: w.AtMost != nil}
	if f.equal == (f.hasLow || f.hasHigh) {
		return -1, "", fmt.Errorf("has a condition on %q that is none, or two at once", w.Value)
	}
	for _, limit := range []struct {
		from *float64
		to   *float64
	}{{w.Is, &f.low}, {w.Above, &f.low}, {w.AtMost, &f.high}} {
		if limit.from != nil {
			*limit.to = *limit.from
		}
	}
	if f.of, err = p.operand(schema, w.Value, len(p.parts)); err != nil {
		return -1, "", err
	}
	phase, err := p.availability(f.of, s)
	if err != nil {
		return -1, "", err
	}
	f.phase = phase + 1
	f.meaning = fmt.Sprintf("where %s equal %v, above %v %v, at most %v %v", p.meaning(f.of), f.equal, f.hasLow, f.low, f.hasHigh, f.high)
	if i = slices.Index(s.filters, f); i < 0 {
		i = len(s.filters)
		s.filters = append(s.filters, f)
	}
	return i, f.meaning, nil
}

// availability answers after which phase of a stage an operand is known; -1: before the first.
func (p *Program) availability(o operand, s *Stage) (phase int, err error) {
	if !o.feature {
		return -1, nil
	}
	part := &p.parts[o.index]
	if part.stage != nil {
		switch at, own := slices.Index(p.stages, part.stage), slices.Index(p.stages, s); {
		case at == own:
			return part.phase, nil
		case at > own:
			return 0, fmt.Errorf("looks at %s, which is known only in a later stage", p.names[o.index])
		}
		return -1, nil
	}
	phase = -1
	for _, operand := range part.step.operands() {
		of, err := p.availability(operand, s)
		if err != nil {
			return 0, err
		}
		phase = max(phase, of)
	}
	return phase, nil
}

// judge decides the conditions of a phase, and takes what the record adds to their totals.
func (s *State) judge(ph *phase, row, values []float64) {
	for i := range ph.prepare {
		o := &ph.prepare[i]
		s.scratch[o.input] = o.value(row, s.scratch, values[o.input])
	}
	for _, i := range ph.filters {
		f := &s.stage.filters[i]
		s.met[i] = f.meets(f.of.of(row, s.scratch))
	}
	for _, i := range ph.totals {
		if t := &s.stage.totals[i]; s.met[t.filter] {
			s.added[i] = s.whole[i]
			if t.kind == ofSquares {
				s.added[i+1] = s.whole[i+1]
			}
		}
	}
	for _, i := range ph.values {
		s.seen[i] = math.Float64bits(s.stage.values[i].of.of(row, s.scratch))
	}
}

// amend does to the log what a phase has decided of the record: its event is there already.
func (s *State) amend(ph *phase, h []uint64) {
	words, mask := s.arena.ring(ring(h[headerRing]))
	own := words[s.marks[markBefore].at:][:s.arena.stride]
	for _, i := range ph.values {
		own[1+len(s.added)+i] = s.seen[i]
	}
	for _, i := range ph.totals {
		t := &s.stage.totals[i]
		if !s.met[t.filter] {
			continue
		}
		for e := s.marks[markAfter].place; e <= h[headerHead]; e++ {
			event := words[int(e&mask)*s.arena.stride:][:s.arena.stride]
			var over uint64
			event[1+i], over = bits.Add64(event[1+i], s.added[i], 0)
			if t.kind == ofSquares {
				event[2+i], _ = bits.Add64(event[2+i], s.added[i+1], over)
			}
		}
	}
}

// tally counts the records that an aggregate looks at: the difference of two totals.
type tally struct{ plus, minus int } // -1: all records, and none

// at is the count before a place.
func (t tally) at(words []uint64, m mark) uint64 {
	n := m.place
	if t.plus >= 0 {
		n = words[m.at+1+t.plus]
	}
	if t.minus >= 0 {
		n -= words[m.at+1+t.minus]
	}
	return n
}

// between is the count between two marks.
func (t tally) between(words []uint64, from, to mark) uint64 {
	n := t.at(words, to)
	if from.at >= 0 { // at the origin nothing has been counted
		n -= t.at(words, from)
	}
	return n
}
