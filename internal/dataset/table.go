package dataset

import (
	"errors"
	"fmt"
	"math"

	"temporal-streaming/internal/record"
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

// The kinds. All are held as float64, as package record holds them in a row.
const (
	Float   Kind = iota
	Int          // whole numbers up to 2^53 in size, which are exact
	Time         // unix seconds; files may hold timestamps of any unit, or dates
	Bool         // 1 or 0
	Decimal      // the number nearest to a decimal of Column.Places: what lies behind the last place is rounded off
	Text         // the number by which Table.Texts names it
)

// String names the kind as pipeline files do.
func (k Kind) String() string {
	names := [...]string{"float", "int", "time", "bool", "decimal", "text"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// maxInt is the largest whole number up to which float64 represents every whole number.
const maxInt = 1 << 53

// Column names a column and what its values are.
type Column struct {
	Name   string
	Kind   Kind
	Places int // of a Decimal; 0 for other kinds

	Optional bool // a file may lack it; a table that is read from such a file has no column of this name
}

// Table is data by column: Data[c][r] is the value of Columns[c] in row r. The zero Table has no columns and no rows.
type Table struct {
	Columns []Column
	Data    [][]float64
	Texts   *record.Texts // of all Text columns; nil where there are none
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
			err := t.Columns[c].check(v)
			if err == nil && t.Columns[c].Kind == Text {
				err = t.checkText(v)
			}
			if err != nil {
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
	switch {
	case c.Kind == Int && (v != math.Trunc(v) || math.Abs(v) > maxInt):
		return fmt.Errorf("%w: %v is not a whole number of at most 2^53", ErrSchema, v)
	case c.Kind == Bool && v != 0 && v != 1:
		return fmt.Errorf("%w: %v is neither 0 nor 1", ErrSchema, v)
	case c.Kind == Decimal:
		if rounded, why := record.Round(v, c.Places); why != "" || rounded != v {
			return fmt.Errorf("%w: %v is not a number with at most %d decimals", ErrSchema, v, c.Places)
		}
	}
	return nil
}

// settle makes a column's value of a number that a file holds.
func (c Column) settle(v float64) (float64, error) {
	if c.Kind == Decimal {
		if rounded, why := record.Round(v, c.Places); why == "" {
			v = rounded
		}
	}
	return v, c.check(v)
}

// checkText tells whether a number names one of the table's texts.
func (t Table) checkText(v float64) error {
	if t.Texts == nil || v != math.Trunc(v) || v < 0 || v >= float64(t.Texts.Len()) {
		return fmt.Errorf("%w: %v names no text", ErrSchema, v)
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
		case c.Kind > Text:
			return fmt.Errorf("%w: column %q is of unknown kind %d", ErrSchema, c.Name, c.Kind)
		case c.Places < 0 || c.Places > record.MaxPlaces || c.Places > 0 && c.Kind != Decimal:
			return fmt.Errorf("%w: column %q cannot have %d places", ErrSchema, c.Name, c.Places)
		case seen[c.Name]:
			return fmt.Errorf("%w: column %q is there twice", ErrSchema, c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}
