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

// phase is what is done of a record between two looks at what the one before has computed.
type phase struct {
	prepare    []operation // puts what conditions look at into the scratch values
	filters    []int       // that are decided here
	totals     []int       // of these filters
	values     []int       // of events, that are known here
	counts     []plainCount
	quotients  []quotient
	aggregates []int // all others
}

// plainCount is how many records are in a window, all of which count.
type plainCount struct{ from, to, input int }

// quotient is the difference of a total of all records in a window, divided by its scale and perhaps by the number of records. Nearly all
// features are this or a plainCount.
type quotient struct {
	from, to  int // marks
	total     int
	input     int
	perRecord bool
	scale     float64
}

// put adds an aggregate to those of the phase, as the simplest that it can be computed as.
func (ph *phase) put(a *aggregate, i int) {
	all := !a.chosen && a.rows == 0 && a.least == 0
	switch {
	case all && a.kind == aggregateCount:
		ph.counts = append(ph.counts, plainCount{a.from, a.to, a.input})
	case all && (a.kind == aggregateSum || a.kind == aggregateMean || a.kind == aggregateShare && a.smoothing == 0):
		ph.quotients = append(ph.quotients, quotient{a.from, a.to, a.total, a.input, a.kind != aggregateSum, a.scale})
	default:
		ph.aggregates = append(ph.aggregates, i)
	}
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

// phaseOf answers in which phase an aggregate can be computed. One that leaves the record itself out can be at once.
func (s *Stage) phaseOf(a *aggregate, filter int) int {
	phase := 0
	if a.to != markAfter {
		return phase
	}
	if filter >= 0 {
		phase = s.filters[filter].phase
	}
	if a.kind == aggregateLast {
		phase = max(phase, s.values[a.value].phase)
	}
	return phase
}

// arrange divides what the stage does into phases.
func (s *Stage) arrange(p *Program) {
	s.width = len(p.parts)
	s.exact = s.exact && s.LooksAtLabels()
	s.judges = len(s.filters) > 0 || slices.ContainsFunc(s.values, func(v source) bool { return v.raw })
	s.phases = make([]phase, 1)
	at := func(i int) *phase {
		for len(s.phases) <= i {
			s.phases = append(s.phases, phase{})
		}
		return &s.phases[i]
	}
	wanted := map[int]int{} // by feature: the first phase that looks at it
	for i, f := range s.filters {
		at(f.phase).filters = append(at(f.phase).filters, i)
		p.want(f.of, f.phase, wanted)
	}
	for i, v := range s.values {
		if v.raw {
			at(v.phase).values = append(at(v.phase).values, i)
			p.want(v.of, v.phase, wanted)
		}
	}
	for i, t := range s.totals {
		if t.filter >= 0 && t.kind != carry {
			k := s.filters[t.filter].phase
			at(k).totals = append(at(k).totals, i)
		}
	}
	for i := range s.aggregates {
		at(s.aggregates[i].phase).put(&s.aggregates[i], i)
	}
	for i := range p.parts {
		if k, ok := wanted[i]; ok {
			at(k).prepare = append(at(k).prepare, p.parts[i].step)
			p.chained = p.chained || p.parts[i].stage != nil && p.parts[i].stage != s
		}
	}
	s.columns = s.looked()
}

// want notes that a phase looks at an operand, and so at what that is made of.
func (p *Program) want(o operand, phase int, wanted map[int]int) {
	if !o.feature {
		return
	}
	if before, ok := wanted[o.index]; !ok || phase < before {
		wanted[o.index] = phase
	}
	for _, operand := range p.parts[o.index].step.operands() {
		p.want(operand, phase, wanted)
	}
}

// looked returns the columns of the row that the stage looks at, but its key.
func (s *Stage) looked() []int {
	columns := []int{s.time}
	note := func(c int) {
		if !slices.Contains(columns, c) {
			columns = append(columns, c)
		}
	}
	for _, t := range s.totals {
		if t.kind == ofUnits || t.kind == ofSquares {
			note(t.of.column)
		}
	}
	for _, v := range s.values {
		if !v.raw {
			note(v.column)
		}
	}
	for _, o := range append(s.prepared(), s.compared()...) {
		if !o.feature {
			note(o.index)
		}
	}
	return columns
}

// prepared are the operands of what the stage's phases prepare.
func (s *Stage) prepared() []operand {
	var all []operand
	for _, ph := range s.phases {
		for _, o := range ph.prepare {
			all = append(all, o.operands()...)
		}
	}
	return all
}

// compared are the operands of conditions, and of values that are kept as they are.
func (s *Stage) compared() []operand {
	var all []operand
	for _, f := range s.filters {
		all = append(all, f.of)
	}
	for _, v := range s.values {
		if v.raw {
			all = append(all, v.of)
		}
	}
	return all
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
