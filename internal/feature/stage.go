package feature

import (
	"fmt"

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
// those that look at values (min, max, distinct, median), which look at all in their window.
//
// A condition that chooses records gives totals of their own: of the records that meet it. What it compares may be another
// aggregate of this stage; so a record is handled in phases, each of which computes the conditions that what came before allows, adds
// the record to their totals, and then computes the aggregates that need these.
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
	filters    []filter
	phases     []phase
	judges     bool // there are filters, or values that a phase must prepare
	rows       []rowsWindow
	exact      bool  // a label must find its very record, and not only one of the same time
	width      int   // of the program
	columns    []int // of the row that it looks at, but its key

	arriving bool  // labels count from the moment they are learned
	longest  int64 // the greatest of bounds
	farthest int   // its index; -1: there are none
	forever  bool  // a window has no beginning: no key is ever forgotten
	joins    bool  // labels are told by the ids of their records
	id       int   // their column
	idIsText bool
}

// source is a column of the row as whole units; or, for last, any value as it is.
type source struct {
	column  int
	scale   float64 // units in 1
	text    bool    // distinct only: the text's hash
	raw     bool    // last only
	of      operand // of a raw one
	phase   int     // in which a raw one is known
	meaning string  // of a raw one
}

// rowsWindow is how far a window of records reaches back: so many from a bound on; from the record itself on if that is -1.
type rowsWindow struct {
	n     uint64
	bound int
}

// total is one running total of an event. That of squares has 128 bits: its upper word follows as a total of kind carry.
type total struct {
	kind   totalKind
	of     source
	filter int // the records that it counts; -1: all
	base   int // of labels: the total of all records of the filter; -1: that of all records, which is their place
}

type totalKind uint8

const (
	ofUnits totalKind = iota
	ofSquares
	carry
	ofPositives
	ofKnown   // as_they_arrive: records whose label is known
	ofRecords // that meet a condition
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
	kind      aggregateKind
	input     int
	from, to  int     // marks
	rows      uint64  // not 0: the window begins so many records before its end, whatever from says
	n         tally   // the records that count
	chosen    bool    // they are not all
	least     uint64  // with fewer, the window counts as empty
	empty     float64 // what an empty one gives
	total     int     // of units, or of positives
	squares   int     // its total, for deviations
	value     int     // for those that look at values
	of        source  // for zscore and ratio_to_mean: the record's own value
	scale     float64 // units in 1 of the result
	smoothing float64
	phase     int
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
	aggregateSinceFirst
	aggregateRun
	aggregateRunAge
	aggregateLast
	aggregateMin
	aggregateMax
	aggregateDistinct
	aggregateMedian
)

var aggregateKinds = map[pipeline.Aggregate]aggregateKind{
	pipeline.Count: aggregateCount, pipeline.Sum: aggregateSum, pipeline.Positives: aggregateSum, pipeline.Mean: aggregateMean,
	pipeline.Share: aggregateShare, pipeline.Deviation: aggregateDeviation, pipeline.ZScore: aggregateZScore,
	pipeline.RatioToMean: aggregateRatioToMean, pipeline.TimeSinceLast: aggregateSinceLast, pipeline.TimeSinceFirst: aggregateSinceFirst,
	pipeline.Run: aggregateRun, pipeline.RunAge: aggregateRunAge, pipeline.Last: aggregateLast,
	pipeline.Min: aggregateMin, pipeline.Max: aggregateMax, pipeline.Distinct: aggregateDistinct, pipeline.Median: aggregateMedian,
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

// Key returns the name of the column whose values have a history each.
func (s *Stage) Key() string { return s.name }

// KeyColumn returns the position of that column in the rows.
func (s *Stage) KeyColumn() int { return s.key }

// stride is the number of words of an event: its time, its totals, its values.
func (s *Stage) stride() int { return 1 + len(s.totals) + len(s.values) }
