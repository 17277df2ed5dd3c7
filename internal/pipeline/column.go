package pipeline

import (
	"fmt"
	"strconv"
	"strings"
)

// Type is what a column's values look like: see record.Kind for each one's rules. A decimal is written with its places, as
// in decimal(2).
type Type string

const (
	Float Type = "float"
	Int   Type = "int"
	Time  Type = "time"
	Text  Type = "text"
	Bool  Type = "bool"
)

// MaxPlaces bounds a decimal's places: with more of them, amounts of everyday size would leave float64's whole numbers.
const MaxPlaces = 6

// Decimal returns the type decimal(places).
func Decimal(places int) Type { return Type(fmt.Sprintf("decimal(%d)", places)) }

// Places returns how many decimals a decimal has; ok is false for other types.
func (t Type) Places() (places int, ok bool) {
	digits, ok := strings.CutPrefix(string(t), "decimal(")
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, ")")
	places, err := strconv.Atoi(digits)
	return places, ok && err == nil && places >= 0 && places <= MaxPlaces && t == Decimal(places)
}

// valid says whether the type is one of this language.
func (t Type) valid() bool {
	_, decimal := t.Places()
	return decimal || t == Float || t == Int || t == Time || t == Text || t == Bool
}

// exact says whether the type's values are counted in whole units, so that sums of them are exact.
func (t Type) exact() bool {
	_, decimal := t.Places()
	return decimal || t == Int || t == Bool
}

// identifies says whether the type's values can be a key.
func (t Type) identifies() bool { return t == Int || t == Text || t == Bool }

// Column is one column of the data.
type Column struct {
	Name string `yaml:"name"`
	Type Type   `yaml:"type"`

	Optional bool `yaml:"optional"` // a data set may lack it; only the report on a training looks at it
}

// Column returns the named column of the schema.
func (d *Definition) Column(name string) (Column, bool) {
	for _, c := range d.Schema {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// TrainingSchema returns the columns of the data that is trained on: all of them.
func (d *Definition) TrainingSchema() []Column { return append([]Column(nil), d.Schema...) }

// StreamSchema returns the columns that a message must have: those that features are made of, the keys of their state, the
// event time where it matters and the record's id, in the schema's order. The label and whatever only training needs are not
// among them.
func (d *Definition) StreamSchema() []Column {
	used := map[string]bool{d.ID: true, d.Key: true, d.EventTime.Column: true}
	for _, f := range d.Features {
		for _, column := range f.columns() {
			used[column] = true
		}
	}
	delete(used, d.Label.Column)
	var columns []Column
	for _, c := range d.Schema {
		if used[c.Name] {
			columns = append(columns, c)
		}
	}
	return columns
}

// FeatureNames returns the names of the model's inputs in order.
func (d *Definition) FeatureNames() []string {
	names := make([]string, len(d.Features))
	for i, f := range d.Features {
		names[i] = f.Name
	}
	return names
}
