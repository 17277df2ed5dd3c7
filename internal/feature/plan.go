package feature

import (
	"fmt"
	"math"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// Plan computes the features of rows of one schema. It holds no state and may be shared.
type Plan struct {
	names []string
	same  []step // inputs that are their column
	logs  []step // inputs that are log1p of their column
}

// step computes one input of the model from one column of the row.
type step struct{ input, column int }

// Compile resolves the spec's columns in the schema of the rows.
func Compile(spec Spec, schema *record.Schema) (*Plan, error) {
	if len(spec.Features) == 0 {
		return nil, fmt.Errorf("compile features: %w: there are none", ErrSpec)
	}
	p := &Plan{names: spec.Names()}
	seen := make(map[string]bool, len(spec.Features))
	for i, f := range spec.Features {
		if f.Name == "" || seen[f.Name] {
			return nil, fmt.Errorf("compile features: %w: the name %q of input %d is empty or taken", ErrSpec, f.Name, i)
		}
		seen[f.Name] = true
		if f.Column == "" || f != (Input{Name: f.Name, Column: f.Column, Transform: f.Transform}) {
			return nil, fmt.Errorf("compile features: %w: %s is no column of the record alone; it takes a Program", ErrSpec, f.Name)
		}
		column, ok := schema.Index(f.Column)
		if !ok {
			return nil, fmt.Errorf("compile features: %w: %s needs the column %q, which the rows do not have", ErrSpec, f.Name, f.Column)
		}
		if schema.Fields()[column].Kind == record.Text {
			return nil, fmt.Errorf("compile features: %w: %s is the text %q, and a model takes numbers", ErrSpec, f.Name, f.Column)
		}
		switch f.Transform {
		case pipeline.Identity:
			p.same = append(p.same, step{i, column})
		case pipeline.Log1p:
			p.logs = append(p.logs, step{i, column})
		default:
			return nil, fmt.Errorf("compile features: %w: %s has the unknown transform %q", ErrSpec, f.Name, f.Transform)
		}
	}
	return p, nil
}

// Names returns the features' names, in the order of the model's inputs. The slice is the plan's own: read only.
func (p *Plan) Names() []string { return p.names }

// Width is the number of features.
func (p *Plan) Width() int { return len(p.names) }

// Vector writes the features of one row, in the schema's order, to out[:Width]. Each is computed in float64 and rounded to
// float32 once. It reports whether all of them are finite: a value can be too large for float32, and log1p needs one
// above -1. A row with a feature that is not finite must not be scored.
func (p *Plan) Vector(row []float64, out []float32) (finite bool) {
	out = out[:len(p.names)]
	var residue float32 // stays 0, and becomes NaN with the first infinity or NaN
	for _, s := range p.same {
		v := float32(row[s.column])
		out[s.input] = v
		residue += v - v
	}
	for _, s := range p.logs {
		v := float32(math.Log1p(row[s.column]))
		out[s.input] = v
		residue += v - v
	}
	return residue == 0
}
