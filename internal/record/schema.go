package record

import (
	"errors"
	"fmt"
)

// Kind says what a column's JSON values must look like. Whatever the kind, a value becomes one float64; that of a text says
// where in Rows.Texts it stands.
type Kind uint8

const (
	// Float takes any finite JSON number.
	Float Kind = iota
	// Int takes a JSON number without a fractional part, at most 2^53 in magnitude (3, 3.0 and 3e0 are the same).
	Int
	// Time takes a JSON number (unix seconds) or an RFC 3339 string, and becomes unix seconds.
	Time
	// Text takes a JSON string of at most MaxTextBytes, unescaped.
	Text
	// Bool takes true and false, and the numbers 1 and 0, and becomes 1 or 0.
	Bool
	// Decimal takes a JSON number with at most Field.Places decimals, and at most 2^53 in magnitude as a count of its smallest
	// unit. It becomes the float64 nearest to the decimal: what binary arithmetic left behind the last place, as in
	// 311.40000000000003, does not count.
	Decimal
)

// MaxTextBytes bounds a text, which may be kept as the key of a history.
const MaxTextBytes = 1024

// MaxPlaces bounds Field.Places.
const MaxPlaces = 6

// String names the kind as the pipeline's YAML does.
func (k Kind) String() string {
	switch k {
	case Float:
		return "float"
	case Int:
		return "int"
	case Time:
		return "time"
	case Text:
		return "text"
	case Bool:
		return "bool"
	case Decimal:
		return "decimal"
	default:
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
}

// Field is one column: its name in the message, and the kind of its values.
type Field struct {
	Name   string
	Kind   Kind
	Places int // decimals of a Decimal; 0 for other kinds
}

// Schema is an ordered set of columns, all of which every row must have. It does not change once made, and may be shared.
type Schema struct {
	fields []Field
	index  map[string]int
}

// ErrSchema is returned by NewSchema for columns that cannot make a schema.
var ErrSchema = errors.New("invalid schema")

// NewSchema makes a schema of the fields in their order. Names must be present and unique.
func NewSchema(fields []Field) (*Schema, error) {
	if len(fields) == 0 {
		return nil, fmt.Errorf("%w: no columns", ErrSchema)
	}
	s := &Schema{fields: append([]Field(nil), fields...), index: make(map[string]int, len(fields))}
	for i, f := range s.fields {
		if f.Name == "" {
			return nil, fmt.Errorf("%w: column %d has no name", ErrSchema, i)
		}
		if f.Kind > Decimal {
			return nil, fmt.Errorf("%w: column %q has the unknown %s", ErrSchema, f.Name, f.Kind)
		}
		if f.Places < 0 || f.Places > MaxPlaces || f.Places > 0 && f.Kind != Decimal {
			return nil, fmt.Errorf("%w: column %q cannot have %d places", ErrSchema, f.Name, f.Places)
		}
		if _, twice := s.index[f.Name]; twice {
			return nil, fmt.Errorf("%w: column %q appears twice", ErrSchema, f.Name)
		}
		s.index[f.Name] = i
	}
	return s, nil
}

// Fields returns the columns in order. The slice is the schema's own: read only.
func (s *Schema) Fields() []Field { return s.fields }

// Width is the number of columns.
func (s *Schema) Width() int { return len(s.fields) }

// Index returns the position of the named column.
func (s *Schema) Index(name string) (int, bool) {
	i, ok := s.index[name]
	return i, ok
}
