package record

import (
	"bytes"
	"fmt"
)

// MaxIDBytes bounds the text that identifies a record (an "id", as written in JSON), since it is repeated in every prediction.
const MaxIDBytes = 1024

// Limits bounds what a message may ask of the decoder.
type Limits struct {
	MaxBytes int // of a message's value; default 1 MiB
	MaxRows  int // of one message; default 1000
}

func (l Limits) withDefaults() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = 1 << 20
	}
	if l.MaxRows <= 0 {
		l.MaxRows = 1000
	}
	return l
}

// Decoder decodes messages of one schema. It remembers how the last message was laid out (the order of its keys, the text
// of its "columns"), so that a producer that always writes the same layout pays for resolving names once. That memory only
// saves time: results never depend on it. A Decoder is not safe for concurrent use.
type Decoder struct {
	schema *Schema
	limits Limits

	keys    []keyGuess // the top-level keys as they were last time, by position
	header  header     // the "columns" as they were last time
	floats  []bool     // per column: it is of the kind Float
	columns []int      // 0, 1, 2 and so on, the columns of plain
	plain   []float64  // the row of a plain object, until it is known to be complete
	seen    []uint32   // per column: the stamp of the message or header in which it was last seen
	stamp   uint32
	buffer  []byte // for keys, times and texts that hold escapes
	texts   *Texts // where the texts of this message go

	id    []byte
	fault *Reject // why the message is refused, once a method has returned -1
}

// NewDecoder returns a decoder for the schema.
func NewDecoder(s *Schema, limits Limits) *Decoder {
	d := &Decoder{
		schema:  s,
		limits:  limits.withDefaults(),
		floats:  make([]bool, s.Width()),
		columns: make([]int, s.Width()),
		plain:   make([]float64, s.Width()),
		seen:    make([]uint32, s.Width()),
	}
	for c, f := range s.fields {
		d.floats[c], d.columns[c] = f.Kind == Float, c
	}
	return d
}

// Decode appends the rows of a message's value to rows and returns how many there were, at least one. Otherwise it leaves
// rows as they were and returns a *Reject: where a message has several faults, the first one from left to right, except that
// those of a plain object's values yield to bytes that are not JSON.
func (d *Decoder) Decode(value []byte, rows *Rows) (n int, err error) {
	d.id, d.fault = nil, nil
	rows.Width = d.schema.Width()
	before, texts := rows.N, rows.Texts.Len()
	d.texts = &rows.Texts
	if !d.decode(value, rows) {
		rows.truncate(before)
		rows.Texts.truncate(texts)
		d.id = nil
		return 0, d.fault
	}
	return rows.N - before, nil
}

// ID returns the "id" of the message decoded last as it was written, a JSON number or string; nil where there was none.
// It shares the message's memory.
func (d *Decoder) ID() []byte { return d.id }

func (d *Decoder) decode(b []byte, rows *Rows) bool {
	switch {
	case b == nil:
		return d.refuse(Tombstone, "the message has no value")
	case len(b) > d.limits.MaxBytes:
		return d.refuse(TooLarge, fmt.Sprintf("%d bytes, at most %d are allowed", len(b), d.limits.MaxBytes))
	}
	i := space(b, 0)
	if i == len(b) {
		return d.refuse(Empty, "the value is empty")
	}
	if b[i] != '{' {
		return d.notAnObject(b, i)
	}
	d.newStamp()
	o := object{dataAt: -1}
	i = space(b, i+1)
	for k := 0; ; k++ {
		if i >= len(b) {
			return d.malformed(i)
		}
		if b[i] == '}' && k == 0 {
			i++
			break
		}
		key, end := d.key(b, i, k)
		if end < 0 {
			return d.malformed(i)
		}
		i = space(b, end)
		if i >= len(b) || b[i] != ':' {
			return d.malformed(i)
		}
		if i = d.member(b, space(b, i+1), key, &o, rows); i < 0 {
			return false
		}
		if i = space(b, i); i >= len(b) {
			return d.malformed(i)
		}
		if b[i] == '}' {
			i++
			break
		}
		if b[i] != ',' {
			return d.malformed(i)
		}
		i = space(b, i+1)
	}
	if i = space(b, i); i != len(b) {
		return d.malformed(i)
	}
	return d.finish(b, &o, rows)
}

// skip walks over a value of no interest.
func (d *Decoder) skip(b []byte, i int) int {
	end := skipValue(b, i)
	switch end {
	case -1:
		d.malformed(i)
	case tooDeep:
		return d.reject(TooDeep, fmt.Sprintf("a value is nested more than %d deep", maxDepth))
	}
	return end
}

// notAnObject tells valid JSON of the wrong kind from what is not JSON.
func (d *Decoder) notAnObject(b []byte, i int) bool {
	end := d.skip(b, i)
	if end < 0 {
		return false
	}
	if end = space(b, end); end != len(b) {
		return d.malformed(end)
	}
	return d.refuse(WrongType, "the value is not a JSON object")
}

// newStamp starts a new round of marking columns as seen.
func (d *Decoder) newStamp() {
	if d.stamp++; d.stamp == 0 {
		clear(d.seen)
		d.stamp = 1
	}
}

// mark notes that a column was seen in this round; it reports false if it was already.
func (d *Decoder) mark(column int) bool {
	if d.seen[column] == d.stamp {
		return false
	}
	d.seen[column] = d.stamp
	return true
}

// firstUnseen names the first column of the schema not seen in this round.
func (d *Decoder) firstUnseen() string {
	for c, stamp := range d.seen {
		if stamp != d.stamp {
			return d.schema.fields[c].Name
		}
	}
	return ""
}

func (d *Decoder) refuse(why Reason, detail string) bool {
	d.fault = &Reject{Reason: why, Detail: detail}
	return false
}

func (d *Decoder) reject(why Reason, detail string) int {
	d.refuse(why, detail)
	return -1
}

func (d *Decoder) malformed(at int) bool {
	return d.refuse(NotJSON, fmt.Sprintf("malformed at byte %d", at))
}

// hasPrefixAt is bytes.HasPrefix of b[i:].
func hasPrefixAt(b []byte, i int, prefix []byte) bool {
	return len(b)-i >= len(prefix) && bytes.Equal(b[i:i+len(prefix)], prefix)
}
