package feature

import (
	"errors"
	"fmt"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// ErrColumn is returned for data without a column that a pipeline needs.
var ErrColumn = errors.New("missing column")

// TableOf takes from data what Replay needs for the features of a definition: the columns of its stream schema, its labels where a feature
// looks at them, and the times at which these became known. column finds a column by its name.
func TableOf(d *pipeline.Definition, column func(name string) ([]float64, bool), texts *record.Texts) (Table, error) {
	t := Table{Texts: texts}
	take := func(name string) ([]float64, error) {
		values, ok := column(name)
		if !ok {
			return nil, fmt.Errorf("replay history: %w %q", ErrColumn, name)
		}
		return values, nil
	}
	for _, c := range d.StreamSchema() {
		values, err := take(c.Name)
		if err != nil {
			return Table{}, err
		}
		t.Columns = append(t.Columns, values)
	}
	if !d.LooksAtLabels() {
		return t, nil
	}
	labels, err := take(d.Label.Column)
	if err != nil {
		return Table{}, err
	}
	t.Labels = make([]Label, len(labels))
	for i, v := range labels {
		t.Labels[i] = Negative
		if v == d.Label.Positive {
			t.Labels[i] = Positive
		}
	}
	if d.Labels == pipeline.AsTheyArrive {
		t.KnownAt, err = knownAt(d, take)
	}
	return t, err
}

// Pick is the table of some rows of t, in the order given.
func (t *Table) Pick(rows []int) Table {
	picked := Table{Texts: t.Texts, Labels: pick(t.Labels, rows), KnownAt: pick(t.KnownAt, rows)}
	for _, column := range t.Columns {
		picked.Columns = append(picked.Columns, pick(column, rows))
	}
	return picked
}

func pick[T any](from []T, rows []int) []T {
	if from == nil {
		return nil
	}
	to := make([]T, len(rows))
	for k, row := range rows {
		to[k] = from[row]
	}
	return to
}

// knownAt is when each row's label became known: what the data say, or else the label delay after the row.
func knownAt(d *pipeline.Definition, take func(string) ([]float64, error)) ([]float64, error) {
	if d.Label.KnownAt != "" {
		return take(d.Label.KnownAt)
	}
	times, err := take(d.EventTime.Column)
	if err != nil {
		return nil, err
	}
	known := make([]float64, len(times))
	for i, t := range times {
		known[i] = t + d.LabelDelay().Seconds()
	}
	return known, nil
}

// ProgramOf compiles the features of a definition for the rows of its stream schema.
func ProgramOf(d *pipeline.Definition) (*Program, error) {
	schema, err := Schema(d.StreamSchema())
	if err != nil {
		return nil, err
	}
	return NewProgram(SpecOf(d), schema)
}
