package record

import "slices"

// Rows holds decoded rows, flat and reused from batch to batch. The zero value is ready; the first Decode sets Width.
type Rows struct {
	Values []float64 // [N, Width] row-major, columns in the schema's order
	N      int
	Width  int
	Texts  Texts // of the text columns
}

// Reset forgets the rows and keeps the memory.
func (r *Rows) Reset() {
	r.Values = r.Values[:0]
	r.N = 0
	r.Texts.Reset()
}

// Row returns row i, valid until the next Decode or Reset.
func (r *Rows) Row(i int) []float64 {
	return r.Values[i*r.Width : (i+1)*r.Width : (i+1)*r.Width]
}

// Extend makes room for one more row of a width that all rows share, and returns it, with arbitrary content.
func (r *Rows) Extend(width int) []float64 {
	r.Width = width
	return r.extend()
}

// Truncate takes back all but the first n rows and the first texts.
func (r *Rows) Truncate(n, texts int) {
	r.truncate(n)
	r.Texts.truncate(texts)
}

// extend makes room for one more row and returns it, with arbitrary content.
func (r *Rows) extend() []float64 {
	at := len(r.Values)
	r.Values = slices.Grow(r.Values, r.Width)[:at+r.Width]
	r.N++
	return r.Values[at:]
}

// truncate takes back what was appended after the first n rows.
func (r *Rows) truncate(n int) {
	r.Values = r.Values[:n*r.Width]
	r.N = n
}
