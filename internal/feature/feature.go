// Package feature turns records into the numbers that a model takes. It is the only code that computes a feature: training
// replays history through it in event order, the stream feeds it as records arrive, and for the same order of a key's records
// the results are equal bit for bit.
//
// A Spec is data: it is derived from a pipeline's definition, travels as JSON beside the model that was trained with it, and
// is compiled against the schema of whatever rows are at hand (the training file's or the message's). Features that look at
// one record only are a Plan's; it has no state and may be shared:
//
//	schema, _ := feature.Schema(definition.StreamSchema())
//	plan, err := feature.Compile(feature.SpecOf(definition), schema)
//	finite := plan.Vector(rows.Row(i), x)   // x is [Width] float32, in the order of the model's inputs
//
// Features that look at the history of a key, too, are a Program's. It has a State for each stage and input partition:
//
//	program, err := feature.NewProgram(spec, schema)
//	state := program.Stages()[0].NewState()
//	state.Update(rows.Row(i), &rows.Texts, false, values)   // the record becomes history, its aggregates go to values
//	program.Finish(rows.Row(i), values)                     // after the last stage: all other features
//
// Guarantees of a State:
//   - Counts and sums are whole numbers; a mean is one division at the end, so no order of additions shows in it.
//   - A feature depends on the records of its key and their order, never on other keys, on the process or on the clock.
//   - What it keeps is bounded by the longest window, and a record allocates nothing once the memory has grown.
package feature

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// The versions of a Spec's JSON. A reader refuses one that it does not know.
const (
	FormatVersion  = 1 // every feature is a column
	FormatStateful = 2 // features have times, operands and histories
	FormatChosen   = 3 // histories are of chosen records: by a condition, by number, without the record itself
)

// Spec says how each of a model's inputs comes about.
type Spec struct {
	Format   int      `json:"format"`
	Features []Input  `json:"features"`
	History  *History `json:"history,omitempty"` // of specs in which a feature looks at a key's history
}

// Input is one input of the model: a column, a place in the calendar, two values divided, subtracted or multiplied, or an aggregate of a
// key's history; and possibly transformed.
type Input struct {
	Name      string             `json:"name"`
	Column    string             `json:"column,omitempty"`
	Transform pipeline.Transform `json:"transform,omitempty"`

	Calendar  pipeline.Calendar `json:"calendar,omitempty"`
	Zone      string            `json:"zone,omitempty"`
	FirstHour int               `json:"first_hour,omitempty"` // of the night
	LastHour  int               `json:"last_hour,omitempty"`

	Operation Operation `json:"operation,omitempty"`
	Left      string    `json:"left,omitempty"` // a feature above, or else a column
	Right     string    `json:"right,omitempty"`

	Aggregate pipeline.Aggregate `json:"aggregate,omitempty"`
	Key       string             `json:"key,omitempty"`
	WindowMS  int64              `json:"window_ms,omitempty"` // 0: all of the key's history
	ShiftMS   int64              `json:"shift_ms,omitempty"`

	Rows       int             `json:"rows,omitempty"`        // the window is the last so many records
	Before     bool            `json:"before,omitempty"`      // without the record itself
	Where      *pipeline.Where `json:"where,omitempty"`       // only records that meet it
	MinRecords int             `json:"min_records,omitempty"` // with fewer, the window counts as empty
	Smoothing  float64         `json:"smoothing,omitempty"`   // is added to the denominator of a ratio or a share
}

// Operation is what is done to two values.
type Operation string

const (
	Ratio      Operation = "ratio" // 0 where the right one is 0
	Difference Operation = "difference"
	Product    Operation = "product"
)

// History says in which order records become a key's history, and when labels count.
type History struct {
	Key         string           `json:"key"`        // the column that the source's messages are keyed by
	EventTime   string           `json:"event_time"` // the column
	ToleranceMS int64            `json:"tolerance_ms"`
	Labels      pipeline.Arrival `json:"labels"`
}

// ErrSpec is returned for a spec that cannot be read, or does not fit the schema it is compiled against.
var ErrSpec = errors.New("invalid feature spec")

// SpecOf takes the features of a definition.
func SpecOf(d *pipeline.Definition) Spec {
	s := Spec{Format: FormatVersion, Features: make([]Input, len(d.Features))}
	for i, f := range d.Features {
		in := Input{
			Name: f.Name, Column: f.Column, Transform: f.Transform, Calendar: f.Calendar, Zone: f.Zone, Aggregate: f.Aggregate,
			Before: f.Before, Where: f.Where, MinRecords: f.MinRecords, Smoothing: f.Smoothing,
		}
		switch {
		case len(f.Ratio) == 2:
			in.Operation, in.Left, in.Right = Ratio, f.Ratio[0], f.Ratio[1]
		case len(f.Difference) == 2:
			in.Operation, in.Left, in.Right = Difference, f.Difference[0], f.Difference[1]
		case len(f.Product) == 2:
			in.Operation, in.Left, in.Right = Product, f.Product[0], f.Product[1]
		case len(f.Hours) == 2:
			in.FirstHour, in.LastHour = f.Hours[0], f.Hours[1]
		case f.Aggregate != "":
			in.Key, in.ShiftMS = f.Key, d.ShiftOf(f).Milliseconds()
			in.WindowMS = millis(f.Window())
			in.Rows, _ = f.Window().Rows()
			s.History = &History{Key: d.Key, EventTime: d.EventTime.Column, ToleranceMS: millis(d.EventTime.Tolerance), Labels: d.Labels}
		}
		s.Format = max(s.Format, in.format())
		s.Features[i] = in
	}
	return s
}

// format is the version that a spec with this input needs.
func (in Input) format() int {
	chosen := Input{Rows: in.Rows, Before: in.Before, Where: in.Where, MinRecords: in.MinRecords, Smoothing: in.Smoothing}
	switch in.Aggregate {
	case pipeline.Median, pipeline.Last, pipeline.TimeSinceFirst, pipeline.Run, pipeline.RunAge:
		return FormatChosen
	case pipeline.TimeSinceLast:
		if in.ShiftMS > 0 {
			return FormatChosen
		}
	}
	switch {
	case chosen != Input{} || in.Operation == Product:
		return FormatChosen
	case in != Input{Name: in.Name, Column: in.Column, Transform: in.Transform}:
		return FormatStateful
	}
	return FormatVersion
}

// ofLabels says whether the input is made of the labels of earlier records.
func (in *Input) ofLabels() bool {
	return in.Aggregate.OfLabels() || in.Where != nil && in.Where.Label != ""
}

// millis is the length of a span of a valid definition; 0 for all.
func millis(s pipeline.Span) int64 {
	d, err := s.Duration()
	if err != nil {
		return 0
	}
	return d.Milliseconds()
}

// Equal says whether two specs mean the same.
func (s Spec) Equal(other Spec) bool {
	same := s.History == other.History || s.History != nil && other.History != nil && *s.History == *other.History
	return same && slices.EqualFunc(s.Features, other.Features, func(a, b Input) bool { return reflect.DeepEqual(a, b) })
}

// Schema makes the schema of rows with these columns.
func Schema(columns []pipeline.Column) (*record.Schema, error) {
	fields := make([]record.Field, len(columns))
	for i, c := range columns {
		fields[i].Name = c.Name
		switch c.Type {
		case pipeline.Float:
			fields[i].Kind = record.Float
		case pipeline.Int:
			fields[i].Kind = record.Int
		case pipeline.Time:
			fields[i].Kind = record.Time
		case pipeline.Text:
			fields[i].Kind = record.Text
		case pipeline.Bool:
			fields[i].Kind = record.Bool
		default:
			places, ok := c.Type.Places()
			if !ok {
				return nil, fmt.Errorf("make schema: column %s has the unknown type %q", c.Name, c.Type)
			}
			fields[i].Kind, fields[i].Places = record.Decimal, places
		}
	}
	return record.NewSchema(fields)
}

// JSON returns the spec as it travels beside a model. The same spec always gives the same bytes.
func (s Spec) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write feature spec: %w", err)
	}
	return append(b, '\n'), nil
}

// ReadSpec reads what JSON wrote, and refuses anything else with ErrSpec.
func ReadSpec(b []byte) (Spec, error) {
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	var s Spec
	if err := decoder.Decode(&s); err != nil {
		return Spec{}, fmt.Errorf("read feature spec: %w: %w", ErrSpec, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Spec{}, fmt.Errorf("read feature spec: %w: something follows its end", ErrSpec)
	}
	if s.Format < FormatVersion || s.Format > FormatChosen {
		return Spec{}, fmt.Errorf("read feature spec: %w: format %d, this program reads %d to %d", ErrSpec, s.Format, FormatVersion, FormatChosen)
	}
	return s, nil
}

// Names returns the inputs' names in order.
func (s Spec) Names() []string {
	names := make([]string, len(s.Features))
	for i, f := range s.Features {
		names[i] = f.Name
	}
	return names
}
