package record

import (
	"fmt"
	"slices"
)

// header is a resolved "columns" array: what each position of a row is.
type header struct {
	raw     []byte // its text from bracket to bracket; nil: none resolved
	columns []int  // position in a row -> column of the schema, -1: ignored
	floats  []int  // position in a row -> how many columns of the kind Float follow each other from there on
}

// maxHeaderLen bounds the header that is remembered for the next message.
const maxHeaderLen = 64 << 10

// readHeader resolves the array of names at i. The same bytes as last time mean the same columns.
func (d *Decoder) readHeader(b []byte, i int) int {
	if d.header.raw != nil && hasPrefixAt(b, i, d.header.raw) {
		return i + len(d.header.raw)
	}
	known := d.header.raw
	d.header.raw = nil // until this one is resolved
	d.header.columns = d.header.columns[:0]
	d.newStamp()
	from, found := i, 0
	i = space(b, i+1)
	for i >= len(b) || b[i] != ']' || len(d.header.columns) > 0 {
		column, end := d.headerName(b, i)
		if end < 0 {
			return -1
		}
		if column >= 0 {
			if !d.mark(column) {
				return d.reject(DuplicateColumn, fmt.Sprintf(`column %q appears twice in "columns"`, d.schema.fields[column].Name))
			}
			found++
		}
		d.header.columns = append(d.header.columns, column)
		if i = space(b, end); i >= len(b) || b[i] != ']' && b[i] != ',' {
			d.malformed(i)
			return -1
		}
		if b[i] == ']' {
			break
		}
		i = space(b, i+1)
	}
	i++
	if found < d.schema.Width() {
		return d.reject(MissingColumn, fmt.Sprintf(`column %q is not in "columns"`, d.firstUnseen()))
	}
	d.countFloats()
	if i-from <= maxHeaderLen {
		d.header.raw = append(known[:0], b[from:i]...)
	}
	return i
}

// countFloats finds the runs of Float columns in a row, which readRow reads at once.
func (d *Decoder) countFloats() {
	h := &d.header
	h.floats = slices.Grow(h.floats[:0], len(h.columns))[:len(h.columns)]
	run := 0
	for c, column := range slices.Backward(h.columns) {
		if run++; column < 0 || !d.floats[column] {
			run = 0
		}
		h.floats[c] = run
	}
}

// headerName reads one entry of "columns". Anything but a string is a column that nobody asked for.
func (d *Decoder) headerName(b []byte, i int) (column, end int) {
	if i >= len(b) || b[i] != '"' {
		return -1, d.skip(b, i)
	}
	end, escaped := text(b, i)
	if end < 0 {
		d.malformed(i)
		return -1, -1
	}
	return d.column(d.unquote(b[i:end], escaped)), end
}

// readData reads the array of rows at i.
func (d *Decoder) readData(b []byte, i int, rows *Rows) int {
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return d.reject(Empty, `"data" has no rows`)
	}
	for n := 0; ; n++ {
		if n == d.limits.MaxRows {
			return d.reject(TooManyRows, fmt.Sprintf("more than %d rows", d.limits.MaxRows))
		}
		if i >= len(b) || b[i] != '[' {
			if i = d.skip(b, i); i < 0 {
				return -1
			}
			return d.reject(WrongType, fmt.Sprintf("row %d is not an array", n))
		}
		if i = d.readRow(b, i+1, n, rows.extend()); i < 0 {
			return -1
		}
		if i = space(b, i); i < len(b) && b[i] == ']' {
			return i + 1
		}
		if i >= len(b) || b[i] != ',' {
			d.malformed(i)
			return -1
		}
		i = space(b, i+1)
	}
}

// readRow reads the values of row n, behind its bracket, into row.
func (d *Decoder) readRow(b []byte, i, n int, row []float64) int {
	columns := d.header.columns
	for c := 0; c < len(columns); c++ {
		i = space(b, i)
		if done, end := numbers(b, i, columns[c:c+d.header.floats[c]], row); done > 0 {
			c, i = c+done-1, end
		} else if i = d.readValue(b, i, n, c, row); i < 0 {
			return -1
		}
		i = space(b, i)
		if c < len(columns)-1 {
			if i >= len(b) || b[i] != ',' {
				return d.rowEnds(b, i, n)
			}
			i++
		}
	}
	if i >= len(b) || b[i] != ']' {
		return d.rowEnds(b, i, n)
	}
	return i + 1
}

// readValue reads the value at position c of row n into row.
func (d *Decoder) readValue(b []byte, i, n, c int, row []float64) int {
	column := d.header.columns[c]
	if column < 0 {
		return d.skip(b, i)
	}
	v, end, ok := number(b, i)
	if !ok || v-v != 0 || !d.floats[column] { // v-v is NaN for an infinity
		var why Reason
		if v, end, why = d.value(b, i, column, v, end, ok); why != "" {
			return d.rejectValue(b, i, n, c, why)
		}
	}
	row[column] = v
	return end
}

// rowEnds refuses a row whose number of values is not the number of columns, unless it is the JSON that is broken.
func (d *Decoder) rowEnds(b []byte, i, n int) int {
	if i < len(b) && (b[i] == ']' || b[i] == ',') {
		return d.reject(RowLength, fmt.Sprintf("row %d has not the %d values of \"columns\"", n, len(d.header.columns)))
	}
	d.malformed(i)
	return -1
}

// rejectValue refuses a row for one value, unless there is no JSON value at all.
func (d *Decoder) rejectValue(b []byte, i, n, c int, why Reason) int {
	if i < len(b) && b[i] == ']' && c == 0 {
		return d.rowEnds(b, i, n) // the row is empty
	}
	if nanLiteral(b, i) == 0 && d.skip(b, i) < 0 {
		return -1
	}
	column := d.header.columns[c]
	return d.reject(why, fmt.Sprintf("column %q of row %d %s", d.schema.fields[column].Name, n, d.explain(why, column)))
}
