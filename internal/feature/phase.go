package feature

import "slices"

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
