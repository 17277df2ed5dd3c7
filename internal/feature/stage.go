package feature

import (
	"fmt"
	"math"
	"slices"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// Stage is what one stage of a Program computes: the aggregates over the histories of one column's values. It does not change
// after NewProgram; what it computes from is in its States.
//
// All aggregates of a stage share one log of events for each key. An event holds its time, running totals of all events of
// the key before it (of a column, of its squares, of positive labels), and the values that some aggregates must see one by
// one. So whatever lies in a window (t-a, t-b] is the difference of the totals at two places of the log, and a place
// is a pointer that only moves forward while records come in order: no aggregate costs more when a window holds more, except
// those that look at values (min, max, distinct), which look at all in their window.
type Stage struct {
	key       int // column
	keyIsText bool
	name      string // of the key's column
	time      int    // column
	tolerance int64  // milliseconds

	totals     []total
	squares    []int    // those of totals that have 128 bits
	values     []source // of each event, beside its totals
	bounds     []int64  // distances from a record's time, in milliseconds, at which windows begin or end
	aggregates []aggregate
	arriving   bool  // labels count from the moment they are learned
	longest    int64 // the greatest of bounds
	farthest   int   // its index; -1: there are none
	forever    bool  // a window has no beginning: no key is ever forgotten
	joins      bool  // labels are told by the ids of their records
	id         int   // their column
	idIsText   bool
}

// source is a column of the row as whole units.
type source struct {
	column int
	scale  float64 // units in 1
	text   bool    // distinct only: the text's hash
}

// total is one running total of an event. That of squares has 128 bits: its upper word follows as a total of kind carry.
type total struct {
	kind totalKind
	of   source
}

type totalKind uint8

const (
	ofUnits totalKind = iota
	ofSquares
	carry
	ofPositives
	ofKnown // as_they_arrive: records whose label is known
)

// Places in the log that every stage marks; those of bounds follow.
const (
	markOrigin = iota // before the key's first record
	markBefore        // before the record itself
	markAfter         // after the record itself
	markBounds
)

// aggregate is one feature: what lies between two marks.
type aggregate struct {
	kind     aggregateKind
	input    int
	from, to int     // marks
	total    int     // of units, or of positives
	squares  int     // its total, for deviations
	known    int     // as_they_arrive: the total of known labels; -1: all records count
	value    int     // for min, max and distinct
	of       source  // for zscore and ratio_to_mean: the record's own value
	scale    float64 // units in 1 of the result
	window   int64   // milliseconds
}

type aggregateKind uint8

const (
	aggregateCount aggregateKind = iota
	aggregateSum                 // of a total: of a column's, in its scale, or of positives
	aggregateMean
	aggregateShare
	aggregateDeviation
	aggregateZScore
	aggregateRatioToMean
	aggregateSinceLast
	aggregateMin
	aggregateMax
	aggregateDistinct
)

var aggregateKinds = map[pipeline.Aggregate]aggregateKind{
	pipeline.Count: aggregateCount, pipeline.Sum: aggregateSum, pipeline.Positives: aggregateSum, pipeline.Mean: aggregateMean,
	pipeline.Share: aggregateShare, pipeline.Deviation: aggregateDeviation, pipeline.ZScore: aggregateZScore,
	pipeline.RatioToMean: aggregateRatioToMean, pipeline.TimeSinceLast: aggregateSinceLast,
	pipeline.Min: aggregateMin, pipeline.Max: aggregateMax, pipeline.Distinct: aggregateDistinct,
}

// stage returns the stage of a key, made at its first use, as pipeline.Definition.Stages divides them: the first one is of the
// source's key and never looks at labels, so the same key may have one more.
func (p *Program) stage(spec Spec, schema *record.Schema, key string, labels bool) (*Stage, error) {
	first := spec.History != nil && key == spec.History.Key && !labels
	for i, s := range p.stages {
		if s.name == key && first == (i == 0) {
			return s, nil
		}
	}
	if spec.History == nil {
		return nil, fmt.Errorf("looks at history, and the spec does not say in which order")
	}
	s := &Stage{name: key, farthest: -1, tolerance: spec.History.ToleranceMS, arriving: spec.History.Labels == pipeline.AsTheyArrive}
	var known bool
	if s.key, known = schema.Index(key); !known {
		return nil, fmt.Errorf("needs the key %q, which the rows do not have", key)
	}
	switch schema.Fields()[s.key].Kind {
	case record.Text:
		s.keyIsText = true
	case record.Int, record.Bool:
	default:
		return nil, fmt.Errorf("needs the key %q to be an int, a text or a bool", key)
	}
	if s.time, known = schema.Index(spec.History.EventTime); !known || schema.Fields()[s.time].Kind != record.Time {
		return nil, fmt.Errorf("needs the event time %q, which the rows do not have as a time", spec.History.EventTime)
	}
	if s.tolerance < 0 || s.tolerance > maxMillis {
		return nil, fmt.Errorf("has a tolerance of %d ms", s.tolerance)
	}
	p.stages = append(p.stages, s)
	return s, nil
}

// maxMillis bounds event times, windows and shifts: the year 9999. Sums of a few of them stay far from overflow.
const maxMillis = 253402300799_999

// add puts an aggregate into the stage.
func (s *Stage) add(schema *record.Schema, input int, f Input) error {
	if f.WindowMS < 0 || f.ShiftMS < 0 || f.WindowMS > maxMillis || f.ShiftMS > maxMillis {
		return fmt.Errorf("has the window %d ms and the shift %d ms", f.WindowMS, f.ShiftMS)
	}
	kind, known := aggregateKinds[f.Aggregate]
	if !known {
		return fmt.Errorf("has the unknown aggregate %q", f.Aggregate)
	}
	a := aggregate{kind: kind, input: input, scale: 1, window: f.WindowMS, to: markAfter}
	if f.ShiftMS > 0 {
		a.to = s.bound(f.ShiftMS)
	}
	if f.WindowMS > 0 {
		a.from = s.bound(f.ShiftMS + f.WindowMS)
	} else {
		s.forever = true
	}
	var err error
	switch f.Aggregate {
	case pipeline.Count:
	case pipeline.TimeSinceLast:
		if f.WindowMS == 0 {
			return fmt.Errorf("needs a window with a length")
		}
	case pipeline.Positives, pipeline.Share:
		a.total, a.known = s.totalOf(total{kind: ofPositives}), -1
		if s.arriving {
			a.known = s.totalOf(total{kind: ofKnown})
		}
	case pipeline.Distinct, pipeline.Min, pipeline.Max:
		if f.WindowMS == 0 {
			return fmt.Errorf("needs a window with a length")
		}
		a.of, err = exact(schema, f.Column, f.Aggregate == pipeline.Distinct)
		a.value, a.scale = s.valueOf(a.of), a.of.scale
	case pipeline.Sum, pipeline.Mean, pipeline.Deviation, pipeline.ZScore, pipeline.RatioToMean:
		a.of, err = exact(schema, f.Column, false)
		a.total, a.scale = s.totalOf(total{kind: ofUnits, of: a.of}), a.of.scale
		if f.Aggregate == pipeline.Deviation || f.Aggregate == pipeline.ZScore {
			a.squares = s.totalOf(total{kind: ofSquares, of: a.of})
		}
		if f.Aggregate == pipeline.ZScore || f.Aggregate == pipeline.RatioToMean {
			a.to = markBefore
		}
	}
	s.aggregates = append(s.aggregates, a)
	return err
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
			s.totals = append(s.totals, total{kind: carry})
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

// Key returns the name of the column whose values have a history each.
func (s *Stage) Key() string { return s.name }

// KeyColumn returns the position of that column in the rows.
func (s *Stage) KeyColumn() int { return s.key }

// stride is the number of words of an event: its time, its totals, its values.
func (s *Stage) stride() int { return 1 + len(s.totals) + len(s.values) }
