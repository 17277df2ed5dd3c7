package model

import "sync"

// encoder computes the piecewise-linear part of a [Preparation] for standardised rows, many values at a time. An encoded row has the
// standardised values first, then one value per bin.
type encoder struct {
	features int // standardised columns, those of ratios included
	width    int // of an encoded row
	stride   int // width padded to whole tiles

	columns    []int     // of the bins
	low, slope []float32 // of the bins, and some zeros that vectors may read beyond the last
	blocks     sync.Pool // of encoded rows
}

// span is a part of an encoded row, cut up beforehand.
type span struct {
	from, to int // of the standardised values
	bin      int // the first one
	at       int // where it goes
	runs     []run
}

// run is consecutive bins of one column.
type run struct{ column, bins int }

// slack is how many values beyond a row a vector may touch.
const slack = 16

func newEncoder(p *Preparation) *encoder {
	e := &encoder{features: len(p.Mean), width: p.Width(), stride: padTo(p.Width(), tileRows)}
	e.low, e.slope = make([]float32, len(p.Bins)+slack), make([]float32, len(p.Bins)+slack)
	for i, b := range p.Bins {
		e.low[i], e.slope[i] = b.Low, b.Slope
		e.columns = append(e.columns, b.Column)
	}
	e.blocks.New = func() any {
		block := make([]float32, blockRows*e.stride+slack)
		return &block
	}
	return e
}

// span of the values from..to-1 of an encoded row.
func (e *encoder) span(from, to int) span {
	s := span{from: min(from, e.features), to: min(to, e.features), bin: max(from-e.features, 0), at: max(e.features-from, 0)}
	for bin := s.bin; bin < min(to, e.width)-e.features; bin++ {
		if bin == s.bin || e.columns[bin] != e.columns[bin-1] {
			s.runs = append(s.runs, run{column: e.columns[bin]})
		}
		s.runs[len(s.runs)-1].bins++
	}
	return s
}

// encode writes a span of the encoded row of x to out, and may touch up to 7 values beyond.
func (e *encoder) encode(k *kernel, s span, x, out []float32) {
	copy(out, x[s.from:s.to])
	if len(s.runs) > 0 {
		k.encode(x[:e.features], s.runs, e.low[s.bin:], e.slope[s.bin:], out[s.at:])
	}
}
