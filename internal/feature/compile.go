package feature

import (
	"fmt"
	"math"
	"slices"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// add puts an aggregate into the stage.
func (s *Stage) add(p *Program, schema *record.Schema, input int, f Input) (part, error) {
	if f.WindowMS < 0 || f.ShiftMS < 0 || f.WindowMS > maxMillis || f.ShiftMS > maxMillis || f.Rows < 0 || f.MinRecords < 0 || !(f.Smoothing >= 0) {
		return part{}, fmt.Errorf("has the window %d ms or %d records, the shift %d ms, at least %d records, and the smoothing %v",
			f.WindowMS, f.Rows, f.ShiftMS, f.MinRecords, f.Smoothing)
	}
	kind, known := aggregateKinds[f.Aggregate]
	if !known {
		return part{}, fmt.Errorf("has the unknown aggregate %q", f.Aggregate)
	}
	a := aggregate{kind: kind, input: input, scale: 1, least: uint64(f.MinRecords), smoothing: f.Smoothing}
	s.window(&a, f)
	filter, where, err := s.choose(p, schema, &a, f.Where)
	if err == nil {
		err = s.source(p, schema, &a, f, filter)
	}
	if err != nil {
		return part{}, err
	}
	if a.chosen || a.rows > 0 || f.Before {
		s.exact = true
	}
	a.phase = s.phaseOf(&a, filter)
	s.aggregates = append(s.aggregates, a)
	meaning := fmt.Sprintf("%s of %s of each %s, %d ms, %d rows, shift %d, before %v, least %d, smoothing %v, %s",
		f.Aggregate, s.meaningOf(&a, f), s.name, f.WindowMS, f.Rows, f.ShiftMS, f.Before, f.MinRecords, f.Smoothing, where)
	return part{stage: s, phase: a.phase, meaning: meaning}, nil
}

// window marks where the aggregate's window begins and ends.
func (s *Stage) window(a *aggregate, f Input) {
	a.to = markAfter
	end := -1 // among bounds
	switch {
	case f.ShiftMS > 0:
		a.to = s.bound(f.ShiftMS)
		end = a.to - markBounds
	case f.Before, a.kind == aggregateZScore, a.kind == aggregateRatioToMean, a.kind == aggregateSinceLast:
		a.to = markBefore
	}
	switch {
	case f.Rows > 0:
		a.rows = uint64(f.Rows)
		s.rows = append(s.rows, rowsWindow{a.rows, end})
		s.forever = true
	case f.WindowMS > 0:
		a.from = s.bound(f.ShiftMS + f.WindowMS)
	default:
		s.forever = true
	}
	if (a.kind == aggregateSinceLast || a.kind == aggregateSinceFirst) && f.WindowMS > 0 {
		a.empty = float64(f.WindowMS+f.ShiftMS) / 1000
	}
}

// choose finds the totals that count the records of the aggregate's condition.
func (s *Stage) choose(p *Program, schema *record.Schema, a *aggregate, w *pipeline.Where) (filter int, meaning string, err error) {
	filter, a.n = -1, tally{-1, -1}
	if w == nil {
		return filter, "", nil
	}
	if filter, meaning, err = s.filterOf(p, schema, w); err != nil {
		return filter, "", err
	}
	if filter >= 0 {
		a.n.plus = s.totalOf(total{kind: ofRecords, filter: filter, base: -1})
	}
	if w.Label != "" {
		positives := s.totalOf(total{kind: ofPositives, filter: filter, base: a.n.plus})
		switch {
		case w.Label == pipeline.PositiveLabel:
			a.n.plus = positives
		case s.arriving:
			a.n = tally{s.totalOf(total{kind: ofKnown, filter: filter, base: a.n.plus}), positives}
		default:
			a.n.minus = positives
		}
	}
	a.chosen = a.n != tally{-1, -1}
	return filter, fmt.Sprintf("label %q %s", w.Label, meaning), nil
}

// source finds what the aggregate is taken of.
func (s *Stage) source(p *Program, schema *record.Schema, a *aggregate, f Input, filter int) (err error) {
	single := a.kind >= aggregateSinceLast
	if single && f.WindowMS == 0 && f.Rows == 0 {
		return fmt.Errorf("needs a window with a length")
	}
	if f.Where != nil && f.Where.Label != "" && !ofTimes(a.kind) {
		return fmt.Errorf("chooses records by their label, which %s cannot", f.Aggregate)
	}
	switch f.Aggregate {
	case pipeline.Positives, pipeline.Share:
		base := a.n.plus
		a.total = s.totalOf(total{kind: ofPositives, filter: filter, base: base})
		if s.arriving {
			a.n, a.chosen = tally{s.totalOf(total{kind: ofKnown, filter: filter, base: base}), -1}, true
		}
	case pipeline.Last:
		of, err := p.operand(schema, f.Column, len(p.parts))
		if err != nil {
			return err
		}
		phase, err := p.availability(of, s)
		if err != nil {
			return err
		}
		a.value = s.valueOf(source{raw: true, of: of, phase: phase + 1, meaning: p.meaning(of)})
	case pipeline.Distinct, pipeline.Min, pipeline.Max, pipeline.Median:
		a.of, err = exact(schema, f.Column, f.Aggregate == pipeline.Distinct)
		a.value, a.scale = s.valueOf(a.of), a.of.scale
	case pipeline.Sum, pipeline.Mean, pipeline.Deviation, pipeline.ZScore, pipeline.RatioToMean:
		a.of, err = exact(schema, f.Column, false)
		a.total, a.scale = s.totalOf(total{kind: ofUnits, of: a.of, filter: filter, base: -1}), a.of.scale
		if f.Aggregate == pipeline.Deviation || f.Aggregate == pipeline.ZScore {
			a.squares = s.totalOf(total{kind: ofSquares, of: a.of, filter: filter, base: -1})
		}
	}
	return err
}

// ofTimes says whether an aggregate looks at nothing but times, and at which records meet its condition.
func ofTimes(k aggregateKind) bool {
	return k == aggregateCount || k == aggregateSinceLast || k == aggregateSinceFirst || k == aggregateRun || k == aggregateRunAge
}

// meaningOf tells what the aggregate is taken of.
func (s *Stage) meaningOf(a *aggregate, f Input) string {
	if a.kind == aggregateLast {
		return s.values[a.value].meaning
	}
	return fmt.Sprintf("column %d", a.of.column)
}

// exact is a column whose values are counted in whole units.
func exact(schema *record.Schema, name string, textToo bool) (source, error) {
	column, ok := schema.Index(name)
	if !ok {
		return source{}, fmt.Errorf("needs the column %q, which the rows do not have", name)
	}
	f := schema.Fields()[column]
	switch {
	case f.Kind == record.Int, f.Kind == record.Bool, f.Kind == record.Decimal:
		return source{column: column, scale: math.Pow10(f.Places)}, nil
	case f.Kind == record.Text && textToo:
		return source{column: column, scale: 1, text: true}, nil
	}
	return source{}, fmt.Errorf("needs the column %q in whole units, and it is a %s", name, f.Kind)
}

// bound returns the mark of a distance.
func (s *Stage) bound(millis int64) int {
	i := slices.Index(s.bounds, millis)
	if i < 0 {
		i = len(s.bounds)
		s.bounds = append(s.bounds, millis)
	}
	if millis >= s.longest {
		s.longest, s.farthest = millis, i
	}
	return markBounds + i
}

func (s *Stage) totalOf(t total) int {
	i := slices.Index(s.totals, t)
	if i < 0 {
		i = len(s.totals)
		s.totals = append(s.totals, t)
		if t.kind == ofSquares {
			s.squares = append(s.squares, i)
			s.totals = append(s.totals, total{kind: carry, filter: t.filter, base: -1})
		}
	}
	return i
}

func (s *Stage) valueOf(v source) int {
	i := slices.Index(s.values, v)
	if i < 0 {
		i = len(s.values)
		s.values = append(s.values, v)
	}
	return i
}
