package record

import (
	"fmt"
	"math"
)

// plainValue reads one column of a plain object. A fault is kept for later, and the value walked over, because a "columns"
// further on would make this an ignored key.
func (d *Decoder) plainValue(b []byte, i, column int, o *object) int {
	if !d.mark(column) {
		if o.fault == nil {
			o.fault = &Reject{DuplicateColumn, fmt.Sprintf("column %q appears twice", d.schema.fields[column].Name)}
		}
		return d.skip(b, i)
	}
	if d.floats[column] {
		if done, end := numbers(b, i, d.columns[column:column+1], d.plain); done == 1 {
			o.columns++
			return end
		}
	}
	v, end, ok := number(b, i)
	if !ok || v-v != 0 || !d.floats[column] {
		var why Reason
		if v, end, why = d.value(b, i, column, v, end, ok); why != "" {
			return d.keepFault(b, i, column, why, o)
		}
	}
	d.plain[column] = v
	o.columns++
	return end
}

// keepFault notes why a plain object's value is refused, and walks over it.
func (d *Decoder) keepFault(b []byte, i, column int, why Reason, o *object) int {
	if o.fault == nil {
		o.fault = &Reject{why, fmt.Sprintf("column %q %s", d.schema.fields[column].Name, d.explain(why, column))}
	}
	if end := nanLiteral(b, i); end > 0 {
		return end
	}
	return d.skip(b, i)
}

// value makes the value of a column of what stands at i, whatever its kind; finite numbers of Float columns do not come here.
// v, end and ok are what number found at i. A reason is returned where it is not a value of that column; whether it is JSON
// at all is then still open.
func (d *Decoder) value(b []byte, i, column int, v float64, end int, ok bool) (float64, int, Reason) {
	field := &d.schema.fields[column]
	if ok {
		v, why := field.number(v)
		return v, end, why
	}
	switch {
	case nanLiteral(b, i) > 0:
		return 0, i, NotFinite
	case literal(b, i, "null") > 0:
		return 0, i, MissingValue
	case field.Kind == Bool:
		if end := literal(b, i, "true"); end > 0 {
			return 1, end, ""
		}
		if end := literal(b, i, "false"); end > 0 {
			return 0, end, ""
		}
	case (field.Kind == Time || field.Kind == Text) && i < len(b) && b[i] == '"':
		end, escaped := text(b, i)
		if end < 0 {
			return 0, i, WrongType
		}
		written := d.unquote(b[i:end], escaped)
		if field.Kind == Text {
			if len(written) > MaxTextBytes {
				return 0, i, TooLarge
			}
			return d.texts.Add(written), end, ""
		}
		if seconds, ok := timestamp(written); ok {
			return seconds, end, ""
		}
	}
	return 0, i, WrongType
}

// maxWhole is the largest number up to which float64 holds every whole number.
const maxWhole = 1 << 53

// number checks a JSON number against the field's kind.
func (f *Field) number(v float64) (float64, Reason) {
	switch {
	case math.IsInf(v, 0):
		return 0, NotFinite
	case f.Kind == Text,
		f.Kind == Bool && v != 0 && v != 1,
		f.Kind == Int && (v != math.Trunc(v) || math.Abs(v) > maxWhole):
		return 0, WrongType
	case f.Kind == Decimal:
		return Round(v, f.Places)
	}
	return v, ""
}

// Round returns the float64 nearest to v in decimals of that many places. v may differ from it by what a few operations of
// binary arithmetic leave behind, no more: a number with more decimals is refused as WrongType, as is one of more than 2^53 of
// the smallest unit.
func Round(v float64, places int) (float64, Reason) {
	scale := powersOfTen[places]
	units := math.Round(v * scale)
	if size := math.Abs(units); size > maxWhole || math.Abs(v*scale-units) > 1e-6+size*1e-15 {
		return 0, WrongType
	}
	return units / scale, ""
}

// explain completes "column X ..." for a reason that value returned.
func (d *Decoder) explain(why Reason, column int) string {
	switch why {
	case NotFinite:
		return "is not a finite number"
	case MissingValue:
		return "is null"
	}
	if why == TooLarge {
		return fmt.Sprintf("is longer than %d bytes", MaxTextBytes)
	}
	switch field := &d.schema.fields[column]; field.Kind {
	case Int:
		return "is not a whole number"
	case Text:
		return "is not a text"
	case Bool:
		return "is neither true nor false"
	case Decimal:
		return fmt.Sprintf("is not a number with at most %d decimals", field.Places)
	case Time:
		return "is neither a number nor an RFC 3339 time"
	default:
		return "is not a number"
	}
}

// nanLiteral returns the index after NaN, Infinity or -Infinity, which are no JSON, but are what Python writes; 0 otherwise.
func nanLiteral(b []byte, i int) int {
	for _, word := range [...]string{"NaN", "Infinity", "-Infinity"} {
		if end := literal(b, i, word); end > 0 {
			return end
		}
	}
	return 0
}
