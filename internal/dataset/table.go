package dataset

import (
	"errors"
	"fmt"
	"math"
)

var (
	// ErrSchema is returned when a file does not hold the columns that are wanted, or holds values of another kind.
	ErrSchema = errors.New("schema mismatch")
	// ErrTooLarge is returned when a file exceeds a limit of ReadOptions.
	ErrTooLarge = errors.New("larger than the limit")
	// ErrCorrupt is returned when bytes are not what their format promises.
	ErrCorrupt = errors.New("corrupt")
)

// Kind is what the values of a column are.
type Kind uint8

// The kinds. Both are held as float64; an Int column only holds whole numbers up to 2^53 in size, which are exact.
const (
	Float Kind = iota
	Int
)

// String names the kind as pipeline files do.
func (k Kind) String() string {
	if k == Int {
		return "int"
	}
	return "float"
}

// maxInt is the largest whole number up to which float64 represents every whole number.
const maxInt = 1 << 53

// Column names a column and what its values are.
type Column struct {
	Name string
	Kind Kind
}

// Table is data by column: Data[c][r] is the value of Columns[c] in row r. The zero Table has no columns and no rows.
type Table struct {
	Columns []Column
	Data    [][]float64
}

// Len is the number of rows.
func (t Table) Len() int {
	if len(t.Data) == 0 {
		return 0
	}
	return len(t.Data[0])
}

// Names lists the column names in order.
func (t Table) Names() []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}

// Column gives the values of a column, or false when there is none of this name.
func (t Table) Column(name string) ([]float64, bool) {
	for i, c := range t.Columns {
		if c.Name == name {
			return t.Data[i], true
		}
	}
	return nil, false
}

// Count tells how many rows have this value in the column, which must exist.
func (t Table) Count(name string, value float64) (int, error) {
	values, ok := t.Column(name)
	if !ok {
		return 0, fmt.Errorf("count rows: %w: no column %q", ErrSchema, name)
	}
	n := 0
	for _, v := range values {
		if v == value {
			n++
		}
	}
	return n, nil
}

// Check tells whether the table is whole: named columns, each once, all of one length, every value finite and of its
// column's kind. Every function of this package that returns a table returns one that passes, and WriteParquet and
// Split refuse one that does not.
func (t Table) Check() error {
	if err := checkColumns(t.Columns); err != nil {
		return fmt.Errorf("check table: %w", err)
	}
	if len(t.Data) != len(t.Columns) {
		return fmt.Errorf("check table: %w: %d columns named, %d given", ErrSchema, len(t.Columns), len(t.Data))
	}
	for c, values := range t.Data {
		if len(values) != t.Len() {
			return fmt.Errorf("check table: %w: column %q has %d rows, %q has %d", ErrSchema, t.Columns[c].Name, len(values), t.Columns[0].Name, t.Len())
		}
		for r, v := range values {
			if err := t.Columns[c].check(v); err != nil {
				return fmt.Errorf("check table: row %d: column %q: %w", r, t.Columns[c].Name, err)
			}
		}
	}
	return nil
}

func (c Column) check(v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("%w: %v is not a finite number", ErrSchema, v)
	}
	if c.Kind == Int && (v != math.Trunc(v) || math.Abs(v) > maxInt) {
		return fmt.Errorf("%w: %v is not a whole number of at most 2^53", ErrSchema, v)
	}
	return nil
}

func checkColumns(columns []Column) error {
	if len(columns) == 0 {
		return fmt.Errorf("%w: no columns", ErrSchema)
	}
	seen := make(map[string]bool, len(columns))
	for i, c := range columns {
		switch {
		case c.Name == "":
			return fmt.Errorf("%w: column %d has no name", ErrSchema, i)
		case c.Kind > Int:
			return fmt.Errorf("%w: column %q is of unknown kind %d", ErrSchema, c.Name, c.Kind)
		case seen[c.Name]:
			return fmt.Errorf("%w: column %q is there twice", ErrSchema, c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}
