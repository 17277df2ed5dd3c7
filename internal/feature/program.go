package feature

import (
	"fmt"
	"math"
	"slices"
	"time"
	_ "time/tzdata" // so that a time zone does not depend on what the machine has installed

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// Program is a Spec compiled against a schema. It holds no state and may be shared by any number of States.
type Program struct {
	names    []string
	stages   []*Stage
	parts    []part      // the features, in their order
	steps    []operation // what Finish does, in the order of the features
	columns  []string    // of the schema
	finishes []int       // columns that Finish looks at
	chained  bool        // a stage looks at what one before it has computed
}

// part is how one feature comes about.
type part struct {
	step    operation
	stage   *Stage // of an aggregate; nil: the feature needs no history of its own
	phase   int    // of the stage, in which it is computed
	meaning string // tells features apart by what they are, whatever they are called
}

// operation computes one feature, or what is left to do of an aggregate.
type operation struct {
	kind        opKind
	input       int
	left, right operand
	zone        *time.Location // nil: UTC
	first, last int            // hours of the night
	smoothing   float64        // of a ratio
	log1p       bool
}

type opKind uint8

const (
	opKeep opKind = iota // the value is there: an aggregate
	opColumn
	opHour
	opNight
	opWeekend
	opRatio
	opDifference
	opProduct
)

// operand is a column of the row, or a feature.
type operand struct {
	index   int
	feature bool
}

// NewProgram compiles a spec.
func NewProgram(spec Spec, schema *record.Schema) (*Program, error) {
	fail := func(format string, args ...any) (*Program, error) {
		return nil, fmt.Errorf("compile features: %w: %s", ErrSpec, fmt.Sprintf(format, args...))
	}
	if len(spec.Features) == 0 {
		return fail("there are none")
	}
	p := &Program{names: spec.Names()}
	for _, f := range schema.Fields() {
		p.columns = append(p.columns, f.Name)
	}
	if spec.History != nil {
		if _, err := p.stage(spec, schema, spec.History.Key, false); err != nil {
			return fail("history %v", err)
		}
	}
	for i, f := range spec.Features {
		if f.Name == "" || slices.Contains(p.names[:i], f.Name) {
			return fail("the name %q of input %d is empty or taken", f.Name, i)
		}
		if f.Transform != pipeline.Identity && f.Transform != pipeline.Log1p {
			return fail("%s has the unknown transform %q", f.Name, f.Transform)
		}
		made, err := p.part(spec, schema, i)
		if err != nil {
			return fail("%s %v", f.Name, err)
		}
		step := &made.step
		step.input, step.log1p = i, f.Transform == pipeline.Log1p
		if step.log1p {
			made.meaning = "log1p(" + made.meaning + ")"
		}
		p.parts = append(p.parts, made)
		if step.kind != opKeep || step.log1p {
			p.steps = append(p.steps, *step)
		}
	}
	for _, s := range p.stages {
		s.arrange(p)
	}
	for _, o := range p.steps {
		for _, of := range o.operands() {
			if !of.feature && !slices.Contains(p.finishes, of.index) {
				p.finishes = append(p.finishes, of.index)
			}
		}
	}
	return p, nil
}

// part compiles one feature; an aggregate goes to the stage of its key.
func (p *Program) part(spec Spec, schema *record.Schema, i int) (part, error) {
	f := spec.Features[i]
	switch {
	case f.Aggregate != "":
		stage, err := p.stage(spec, schema, f.Key, f.ofLabels())
		if err != nil {
			return part{}, err
		}
		return stage.add(p, schema, i, f)
	case f.Operation != "":
		left, err := p.operand(schema, f.Left, i)
		if err != nil {
			return part{}, err
		}
		right, err := p.operand(schema, f.Right, i)
		if err != nil {
			return part{}, err
		}
		kind, known := map[Operation]opKind{Ratio: opRatio, Difference: opDifference, Product: opProduct}[f.Operation]
		if !known || f.Smoothing != 0 && kind != opRatio {
			return part{}, fmt.Errorf("has the unknown operation %q, or a smoothing that it knows nothing of", f.Operation)
		}
		return part{
			step:    operation{kind: kind, left: left, right: right, smoothing: f.Smoothing},
			meaning: fmt.Sprintf("%s(%s, %s, %v)", f.Operation, p.meaning(left), p.meaning(right), f.Smoothing),
		}, nil
	}
	column, err := numeric(schema, f.Column)
	of := operand{index: column}
	if err != nil || f.Calendar == "" {
		return part{step: operation{kind: opColumn, left: of}, meaning: p.meaning(of)}, err
	}
	kind, known := map[pipeline.Calendar]opKind{pipeline.Hour: opHour, pipeline.Night: opNight, pipeline.Weekend: opWeekend}[f.Calendar]
	if !known || schema.Fields()[column].Kind != record.Time {
		return part{}, fmt.Errorf("asks %q of the column %q, which needs a time", f.Calendar, f.Column)
	}
	step := operation{kind: kind, left: of, first: f.FirstHour, last: f.LastHour}
	if f.Zone != "UTC" && f.Zone != "" {
		step.zone, err = time.LoadLocation(f.Zone)
	}
	return part{step: step, meaning: fmt.Sprintf("%s(%s, %s, %d, %d)", f.Calendar, p.meaning(of), f.Zone, f.FirstHour, f.LastHour)}, err
}

// operands are what the operation looks at besides its own feature.
func (o *operation) operands() []operand {
	switch o.kind {
	case opKeep:
		return nil
	case opRatio, opDifference, opProduct:
		return []operand{o.left, o.right}
	}
	return []operand{o.left}
}

// meaning tells operands apart.
func (p *Program) meaning(o operand) string {
	if o.feature {
		return p.parts[o.index].meaning
	}
	return fmt.Sprintf("column %d", o.index)
}

// operand finds a feature above the i-th, or else a column.
func (p *Program) operand(schema *record.Schema, name string, i int) (operand, error) {
	if above := slices.Index(p.names[:i], name); above >= 0 {
		return operand{above, true}, nil
	}
	column, err := numeric(schema, name)
	return operand{column, false}, err
}

func numeric(schema *record.Schema, name string) (int, error) {
	column, ok := schema.Index(name)
	if !ok {
		return 0, fmt.Errorf("needs the column %q, which the rows do not have", name)
	}
	if schema.Fields()[column].Kind == record.Text {
		return 0, fmt.Errorf("is of the text %q, and a model takes numbers", name)
	}
	return column, nil
}

// Names returns the features' names, in the order of the model's inputs. The slice is the program's own: read only.
func (p *Program) Names() []string { return p.names }

// Width is the number of features.
func (p *Program) Width() int { return len(p.names) }

// Stages returns the stages as pipeline.Definition.Stages has them: the source's key first, though it may have no aggregates; and
// later once more if some look at labels. A program without state has none.
func (p *Program) Stages() []*Stage { return p.stages }

// Finish computes what needs no history: columns, calendar, operations and transforms. It is called once for a record, after
// the States of all stages have put their aggregates into values, which is [Width].
func (p *Program) Finish(row, values []float64) {
	for i := range p.steps {
		o := &p.steps[i]
		values[o.input] = o.value(row, values, values[o.input])
	}
}

// value computes an operation from the features above it; of an aggregate it takes what the stage has computed.
func (o *operation) value(row, above []float64, aggregate float64) float64 {
	v := aggregate
	switch o.kind {
	case opColumn:
		v = row[o.left.index]
	case opHour:
		v = float64(hourOf(row[o.left.index], o.zone))
	case opNight:
		v = truth(isNight(hourOf(row[o.left.index], o.zone), o.first, o.last))
	case opWeekend:
		v = truth(isWeekend(row[o.left.index], o.zone))
	case opRatio:
		if right := o.right.of(row, above) + o.smoothing; right != 0 {
			v = o.left.of(row, above) / right
		} else {
			v = 0
		}
	case opDifference:
		v = o.left.of(row, above) - o.right.of(row, above)
	case opProduct:
		v = o.left.of(row, above) * o.right.of(row, above)
	}
	if o.log1p {
		v = math.Log1p(v)
	}
	return v
}

func (o operand) of(row, values []float64) float64 {
	if o.feature {
		return values[o.index]
	}
	return row[o.index]
}

// Round rounds features to what a model takes, and reports whether all of them are finite.
func Round(values []float64, x []float32) (finite bool) {
	x = x[:len(values)]
	var residue float32 // stays 0, and becomes NaN with the first infinity or NaN
	for i, v := range values {
		f := float32(v)
		x[i] = f
		residue += f - f
	}
	return residue == 0
}
