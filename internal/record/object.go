package record

import "fmt"

// object gathers what the walk over the top-level keys has met so far.
type object struct {
	hasColumns, hasData, hasID bool
	dataAt                     int // where "data" starts, if it came before "columns"; -1 otherwise
	columns                    int // how many columns of the schema the object itself has had
	fault                      *Reject
}

// member reads the value of one top-level key. A value that turns out to be no use to a split message is still walked over.
func (d *Decoder) member(b []byte, i int, key keyGuess, o *object, rows *Rows) int {
	isArray := i < len(b) && b[i] == '['
	switch {
	case key.role == roleColumns && isArray:
		if o.hasColumns {
			return d.reject(DuplicateKey, `"columns" appears twice`)
		}
		o.hasColumns = true
		return d.readHeader(b, i)
	case key.role == roleData && isArray:
		if o.hasData {
			return d.reject(DuplicateKey, `"data" appears twice`)
		}
		o.hasData = true
		if o.hasColumns {
			return d.readData(b, i, rows)
		}
		o.dataAt = i
		return d.skip(b, i)
	case key.role == roleID:
		if o.hasID {
			return d.reject(DuplicateKey, `"id" appears twice`)
		}
		o.hasID = true
		if end := d.readID(b, i); end < 0 || key.column < 0 {
			return end
		}
	}
	if key.column < 0 || o.hasColumns {
		return d.skip(b, i)
	}
	return d.plainValue(b, i, key.column, o)
}

// finish decides which of the two forms the object had, once all of it has been read.
func (d *Decoder) finish(b []byte, o *object, rows *Rows) bool {
	switch {
	case o.hasColumns && o.hasData:
		if o.dataAt >= 0 {
			return d.readData(b, o.dataAt, rows) >= 0
		}
		return true
	case o.hasColumns:
		return d.refuse(MissingColumn, `there is "columns", but no "data"`)
	case o.fault != nil:
		d.fault = o.fault
		return false
	case o.columns == len(d.plain):
		copy(rows.extend(), d.plain)
		return true
	case o.hasData:
		return d.refuse(MissingColumn, `there is "data", but no "columns"`)
	}
	return d.refuse(MissingColumn, fmt.Sprintf("column %q is missing", d.firstUnseen()))
}

// readID remembers a number or string; null counts as no id.
func (d *Decoder) readID(b []byte, i int) int {
	end := i
	switch {
	case i < len(b) && (b[i] == '{' || b[i] == '[' || b[i] == 't' || b[i] == 'f'):
		if end = d.skip(b, i); end < 0 {
			return -1
		}
		return d.reject(WrongType, `"id" is neither a number nor a string`)
	case i < len(b) && b[i] == 'n':
		return d.skip(b, i)
	}
	if end = d.skip(b, i); end < 0 {
		return -1
	}
	if end-i > MaxIDBytes {
		return d.reject(TooLarge, fmt.Sprintf(`"id" has %d bytes, at most %d are allowed`, end-i, MaxIDBytes))
	}
	d.id = b[i:end:end]
	return end
}
