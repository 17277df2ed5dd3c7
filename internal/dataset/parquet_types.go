package dataset

import (
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// number converts a value of a numeric physical type.
func number(v parquet.Value, unsigned bool) (float64, error) {
	if v.IsNull() {
		return 0, fmt.Errorf("%w: null: fill or drop nulls before loading", ErrSchema)
	}
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return 1, nil
		}
		return 0, nil
	case parquet.Int32:
		if unsigned {
			return float64(v.Uint32()), nil
		}
		return float64(v.Int32()), nil
	case parquet.Int64:
		if unsigned {
			return float64(v.Uint64()), nil
		}
		return float64(v.Int64()), nil
	case parquet.Float:
		return float64(v.Float()), nil
	case parquet.Double:
		return v.Double(), nil
	}
	return 0, fmt.Errorf("%w: a %s is not a number", ErrSchema, v.Kind())
}

// decimalScale is the power of ten that a decimal column's whole numbers are divided by; 1 for other columns.
func decimalScale(column *parquet.Column) float64 {
	if logical := column.Type().LogicalType(); logical != nil {
		if decimal, ok := logical.Value.(*format.DecimalType); ok {
			return math.Pow10(int(decimal.Scale))
		}
	}
	return 1
}

// timeUnit is how many units of a Time column make so many seconds: timestamps have a unit of their own, dates count days,
// and numbers that are no times to Parquet are seconds.
func timeUnit(column *parquet.Column) (units, seconds float64) {
	if logical := column.Type().LogicalType(); logical != nil {
		switch t := logical.Value.(type) {
		case *format.DateType:
			return 1, 86400
		case *format.TimestampType:
			return float64(time.Second / t.Unit.Value.Duration()), 1
		}
	}
	return 1, 1
}

// textNumber keeps a text and returns its number.
func textNumber(v parquet.Value, words *words) (float64, error) {
	if v.IsNull() {
		return 0, fmt.Errorf("%w: null: fill or drop nulls before loading", ErrSchema)
	}
	return words.number(string(v.ByteArray()))
}

func isUnsigned(column *parquet.Column) bool {
	if logical := column.Type().LogicalType(); logical != nil {
		if whole, ok := logical.Value.(*format.IntType); ok {
			return !whole.IsSigned
		}
	}
	return false
}

// namedField is a leaf with a name. Value, which the library asks for when it takes rows apart by reflection, is never
// used, since rows are written column by column.
type namedField struct {
	parquet.Node
	name string
}

func (f namedField) Name() string                      { return f.name }
func (f namedField) Value(reflect.Value) reflect.Value { return reflect.Value{} }
