// Package feature turns a decoded row into the numbers that a model takes. It is the only code that computes a feature:
// training and stream both go through a Plan, so that the same row gives the same bits in both.
//
// A Spec is data: it is derived from a pipeline's definition, travels as JSON beside the model that was trained with it, and
// is compiled against the schema of whatever rows are at hand (the training file's or the message's):
//
//	schema, _ := feature.Schema(definition.StreamSchema())
//	plan, err := feature.Compile(feature.SpecOf(definition), schema)
//	finite := plan.Vector(rows.Row(i), x)   // x is [Width] float32, in the order of the model's inputs
package feature

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// FormatVersion is the version of a Spec's JSON. A reader refuses one that it does not know.
const FormatVersion = 1

// Spec says how each of a model's inputs comes about.
type Spec struct {
	Format   int     `json:"format"` // FormatVersion
	Features []Input `json:"features"`
}

// Input is one input of the model: a column, possibly transformed.
type Input struct {
	Name      string             `json:"name"`
	Column    string             `json:"column"`
	Transform pipeline.Transform `json:"transform,omitempty"`
}

// ErrSpec is returned for a spec that cannot be read, or does not fit the schema it is compiled against.
var ErrSpec = errors.New("invalid feature spec")

// SpecOf takes the features of a definition.
func SpecOf(d *pipeline.Definition) Spec {
	s := Spec{Format: FormatVersion, Features: make([]Input, len(d.Features))}
	for i, f := range d.Features {
		s.Features[i] = Input{Name: f.Name, Column: f.Column, Transform: f.Transform}
	}
	return s
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
		default:
			return nil, fmt.Errorf("make schema: column %s has the unknown type %q", c.Name, c.Type)
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
	if s.Format != FormatVersion {
		return Spec{}, fmt.Errorf("read feature spec: %w: format %d, this program reads %d", ErrSpec, s.Format, FormatVersion)
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
