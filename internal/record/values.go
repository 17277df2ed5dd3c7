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
	v, end, ok := number(b, i)
	if !ok || v-v != 0 || !d.floats[column] {
		var why Reason
		if v, end, why = d.value(b, i, column); why != "" {
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

// value reads the value of a column at i, whatever its kind; finite numbers of Float columns are read before it comes to this. A reason is returned where it is not a value of that column; whether it is JSON at
// all is then still open.
func (d *Decoder) value(b []byte, i, column int) (v float64, end int, why Reason) {
	v, end, ok := number(b, i)
	kind := d.schema.fields[column].Kind
	switch {
	case ok && math.IsInf(v, 0):
		return 0, end, NotFinite
	case ok && kind == Int && (v != math.Trunc(v) || math.Abs(v) > 1<<53):
		return 0, end, WrongType
	case ok:
		return v, end, ""
	case nanLiteral(b, i) > 0:
		return 0, i, NotFinite
	case literal(b, i, "null") > 0:
		return 0, i, MissingValue
	case kind == Time && i < len(b) && b[i] == '"':
		if end, escaped := text(b, i); end > 0 {
			if seconds, ok := timestamp(d.unquote(b[i:end], escaped)); ok {
				return seconds, end, ""
			}
		}
	}
	return 0, i, WrongType
}

// explain completes "column X ..." for a reason that value returned.
func (d *Decoder) explain(why Reason, column int) string {
	switch why {
	case NotFinite:
		return "is not a finite number"
	case MissingValue:
		return "is null"
	}
	switch d.schema.fields[column].Kind {
	case Int:
		return "is not a whole number"
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
