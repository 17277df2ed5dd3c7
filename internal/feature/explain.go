package feature

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"temporal-streaming/internal/pipeline"
)

// Explanation says how one feature of one record came about.
type Explanation struct {
	Feature string  `json:"feature"`
	Value   float64 `json:"value"`
	How     string  `json:"how"`            // in words
	Rows    []int   `json:"rows,omitempty"` // of the table, in event order: the records in its window, the record itself included where it counts
}

// Explain says how each feature of a row came about. The values are the engine's own, replayed from the rows that share a key
// with it; the rows of a window are looked up in the table by key and time, apart from the engine.
func Explain(d *pipeline.Definition, t Table, row int) ([]Explanation, error) {
	program, err := ProgramOf(d)
	if err != nil {
		return nil, err
	}
	if err := program.check(t); err != nil {
		return nil, fmt.Errorf("explain row %d: %w", row, err)
	}
	if row < 0 || row >= len(t.Columns[0]) {
		return nil, fmt.Errorf("explain row %d: the table has %d rows", row, len(t.Columns[0]))
	}
	e := explainer{spec: SpecOf(d), program: program, table: t, row: row, line: program.timeline(&t)}
	values, err := e.values()
	if err != nil {
		return nil, err
	}
	out := make([]Explanation, len(values))
	for i, f := range e.spec.Features {
		out[i] = Explanation{Feature: f.Name, Value: values[i]}
		out[i].How, out[i].Rows = e.how(f)
	}
	return out, nil
}

type explainer struct {
	spec    Spec
	program *Program
	table   Table
	row     int
	line    Timeline
	before  []int     // rows in event order up to the row, which is the last
	x       []float64 // their features
}

// values replays the rows up to the one that is explained, of its keys only, and returns that one's features.
func (e *explainer) values() ([]float64, error) {
	wanted := e.related()
	for place := range e.line.rows {
		row := e.line.Row(place)
		if wanted[row] {
			e.before = append(e.before, row)
		}
		if row == e.row {
			break
		}
	}
	out, err := e.program.Replay(e.table.Pick(e.before), ReplayOptions{})
	if err != nil {
		return nil, fmt.Errorf("explain row %d: %w", e.row, err)
	}
	e.x = out.X
	return out.X[len(out.X)-e.program.Width():], nil
}

// related tells which rows the features of the explained one are made of: those of its keys; and where a stage looks at what one
// before it has computed, those of the keys that these have there.
func (e *explainer) related() []bool {
	wanted := make([]bool, len(e.table.Columns[0]))
	wanted[e.row] = true
	from := slices.Clone(wanted)
	for i := len(e.program.stages) - 1; i >= 0; i-- {
		keys := e.table.Columns[e.program.stages[i].key]
		if e.program.chained {
			copy(from, wanted)
		}
		present := map[float64]bool{}
		for row, is := range from {
			if is {
				present[keys[row]] = true
			}
		}
		for row, key := range keys {
			wanted[row] = wanted[row] || present[key]
		}
	}
	return wanted
}

func (e *explainer) same(i, column int) bool {
	return e.table.Columns[column][i] == e.table.Columns[column][e.row]
}

func (e *explainer) how(f Input) (string, []int) {
	var how string
	var rows []int
	switch {
	case f.Aggregate != "":
		how, rows = e.window(f)
	case f.Operation != "":
		how = fmt.Sprintf("%s of %s and %s", f.Operation, f.Left, f.Right)
	case f.Calendar != "":
		how = fmt.Sprintf("%s of %s in %s", f.Calendar, f.Column, zoneName(f.Zone))
		if f.Calendar == pipeline.Night {
			how += fmt.Sprintf(", hours %d to %d", f.FirstHour, f.LastHour)
		}
	default:
		how = "the column " + f.Column
	}
	if f.Transform != pipeline.Identity {
		how = string(f.Transform) + " of " + how
	}
	return how, rows
}

func zoneName(zone string) string {
	if zone == "" {
		return "UTC"
	}
	return zone
}

// window describes an aggregate, and lists the rows that it looks at.
func (e *explainer) window(f Input) (string, []int) {
	stage := e.program.stages[slices.IndexFunc(e.program.stages, func(s *Stage) bool { return s.name == f.Key })]
	times := e.table.Columns[stage.time]
	end := times[e.row] - float64(f.ShiftMS)/1000
	start := end - float64(f.WindowMS)/1000
	compares := f.Aggregate == pipeline.ZScore || f.Aggregate == pipeline.RatioToMean || f.Aggregate == pipeline.TimeSinceLast && f.ShiftMS == 0
	others := f.Before || compares && f.Rows > 0 // the record itself is left out
	var places []int                             // in e.before
	for place, i := range e.before {
		if e.same(i, stage.key) && times[i] <= end && (f.Rows > 0 || f.WindowMS == 0 || times[i] > start) && !(others && i == e.row) {
			places = append(places, place)
		}
	}
	if f.Rows > 0 {
		places = places[max(0, len(places)-f.Rows):]
	}
	var rows []int
	positives := 0
	for _, place := range places {
		i := e.before[place]
		if !e.meets(f.Where, place) {
			continue
		}
		rows = append(rows, i)
		if e.known(i) && e.table.Labels[i] == Positive {
			positives++
		}
	}
	what := string(f.Aggregate)
	if f.Column != "" {
		what += " of " + f.Column
	}
	within := fmt.Sprintf("in (%s, %s]", instant(start), instant(end))
	switch {
	case f.Rows > 0:
		within = fmt.Sprintf("the last %d up to %s", f.Rows, instant(end))
	case f.WindowMS == 0:
		within = fmt.Sprintf("in (the first record, %s]", instant(end))
	}
	how := fmt.Sprintf("%s, %s %s, %s: %d records", what, f.Key, e.keyText(stage), within, len(rows))
	if len(rows) == 1 {
		how = strings.TrimSuffix(how, "s")
	}
	if f.Where != nil {
		how += f.Where.String()
	}
	if f.Aggregate.OfLabels() {
		how += fmt.Sprintf(", %d of them known to be positive", positives)
	}
	if f.MinRecords > 1 {
		how += fmt.Sprintf(", none below %d", f.MinRecords)
	}
	switch {
	case compares:
		how += ", compared with those before the record"
	case f.Before:
		how += ", the record itself left out"
	}
	return how, rows
}

// known says whether a row's label counts for the explained one: on its timeline, it comes before.
func (e *explainer) known(i int) bool {
	switch line := &e.line; {
	case line.labels == nil || line.labels[i] == Unknown:
		return false
	case line.known == nil: // the window's shift leaves out what is not due
		return true
	default:
		return i != e.row && line.known[i] <= line.times[e.row]
	}
}

// meets says whether a row meets a condition, from the features that the engine has computed of it.
func (e *explainer) meets(w *pipeline.Where, place int) bool {
	if w == nil {
		return true
	}
	i := e.before[place]
	if w.Label != "" && !(e.known(i) && (e.table.Labels[i] == Positive) == (w.Label == pipeline.PositiveLabel)) {
		return false
	}
	if w.Value == "" {
		return true
	}
	var v float64
	if f := slices.IndexFunc(e.spec.Features, func(in Input) bool { return in.Name == w.Value }); f >= 0 {
		v = e.x[place*e.program.Width()+f]
	} else {
		v = e.table.Columns[slices.Index(e.program.columns, w.Value)][i]
	}
	return (w.Is == nil || v == *w.Is) && (w.Above == nil || v > *w.Above) && (w.AtMost == nil || v <= *w.AtMost)
}

func (e *explainer) keyText(s *Stage) string {
	v := e.table.Columns[s.key][e.row]
	if s.keyIsText {
		return fmt.Sprintf("%q", e.table.Texts.At(v))
	}
	return fmt.Sprintf("%d", int64(v))
}

func instant(seconds float64) string {
	return strings.TrimSuffix(time.UnixMilli(int64(seconds*1000)).UTC().Format(time.RFC3339Nano), "Z") + "Z"
}
