package model

// Scorer computes probabilities with flat kernels: no allocation, no locks, and a row's result does not depend on the other
// rows of its batch, to the last bit. It is not safe for concurrent use; make one per goroutine, they are small.
//
// Rows go through in blocks: a block's values stay in the cache while the weights of a layer, a few panels at a time, are
// loaded once for all its rows.
type Scorer struct {
	preparation Preparation
	logarithmic []int // columns with a signed logarithm
	encoder     *encoder
	whole       span // of an encoded row
	members     []packedMember
	share       float32 // 1 / number of members
	kernel      *kernel

	block        int       // rows per block, a multiple of tileRows
	standardised []float32 // [features] of one row, where it is encoded afterwards
	prepared     []float32 // [block, width of a prepared row], and slack
	hidden       [2][]float32
	logits       []float32 // [block]
	work         tile      // here, because what a kernel is handed would be allocated anew for each call
}

// packedMember is a network laid out for the kernels: all layers but the last in panels, the last as one column.
type packedMember struct {
	layers []packedLayer
	last   []float32 // padded to whole panels
	bias   float32
}

// packedLayer is a layer cut into panels of 16 columns, each [In, 16]; the last one is filled up with zeros.
type packedLayer struct {
	packed
	bias []float32 // [padded columns]
}

// mostBlock rows of the usual 64 hidden units are 12 KiB per buffer.
const mostBlock = 8 * tileRows

// NewScorer makes a scorer for a model that passed [Model.Validate]. maxRows is the batch size to expect: it bounds the buffers, and
// larger batches work as well.
func NewScorer(m *Model, maxRows int) *Scorer { return newScorer(m, maxRows, bestKernel()) }

func newScorer(m *Model, maxRows int, k *kernel) *Scorer {
	s := &Scorer{preparation: m.Preparation, encoder: newEncoder(&m.Preparation), share: 1 / float32(len(m.Members)), kernel: k}
	s.whole = s.encoder.span(0, s.encoder.width)
	for j, logarithmic := range m.Preparation.SignedLog {
		if logarithmic {
			s.logarithmic = append(s.logarithmic, j)
		}
	}
	s.block = min(padTo(max(maxRows, 1), tileRows), mostBlock)
	widest := 0
	for _, member := range m.Members {
		last := member.Layers[len(member.Layers)-1]
		packed := packedMember{last: make([]float32, padTo(last.In, panelColumns)), bias: last.Bias[0]}
		copy(packed.last, last.Weights)
		for _, l := range member.Layers[:len(member.Layers)-1] {
			packed.layers = append(packed.layers, pack(l))
			widest = max(widest, padTo(l.Out, panelColumns))
		}
		s.members = append(s.members, packed)
	}
	s.standardised = make([]float32, s.encoder.features)
	s.prepared = make([]float32, s.block*padTo(s.encoder.width, panelColumns)+slack)
	for i := range s.hidden {
		s.hidden[i] = make([]float32, s.block*widest)
	}
	s.logits = make([]float32, s.block)
	return s
}

// Score writes the probabilities of the first n rows of x, [n, F] row-major, to out[:n]. Values must be finite.
func (s *Scorer) Score(x []float32, n int, out []float32) {
	f := len(s.preparation.SignedLog)
	for from := 0; from < n; from += s.block {
		rows := min(s.block, n-from)
		s.scoreBlock(x[from*f:(from+rows)*f], rows, out[from:from+rows])
	}
}

// scoreBlock runs whole tiles. Rows beyond the last given one hold what an earlier block left there; their results are dropped.
func (s *Scorer) scoreBlock(x []float32, rows int, out []float32) {
	f, width := len(s.preparation.SignedLog), padTo(s.encoder.width, panelColumns)
	for i := range rows {
		s.prepare(x[i*f:(i+1)*f], s.prepared[i*width:])
	}
	clear(out)
	tiled := padTo(rows, tileRows)
	for m := range s.members {
		member := &s.members[m]
		in, row := s.prepared, width
		for i := range member.layers {
			l, to := &member.layers[i], s.hidden[i%2]
			columns := len(l.bias)
			s.work = tile{a: in, aRow: row, aStep: 1, b: l.values, bStep: panelColumns, bPanel: l.rows * panelColumns,
				start: l.bias, out: to, outRow: columns, steps: l.rows}
			s.kernel.product(&s.work, tiled, columns)
			in, row = to, columns
		}
		s.kernel.dot(in, row, rows, member.last, len(member.last), member.bias, s.logits)
		for i := range out {
			out[i] += sigmoid(s.logits[i])
		}
	}
	for i := range out {
		out[i] *= s.share
	}
}

// prepare fills a row. What pads it to whole panels is some finite number, and meets weights of 0.
func (s *Scorer) prepare(x, out []float32) {
	p, e := &s.preparation, s.encoder
	standardised := out[:e.features]
	if len(p.Bins) > 0 {
		standardised = s.standardised
	}
	f := len(x)
	s.kernel.standardise(x, p.Mean[:f], p.Scale[:f], p.Clip, standardised[:f])
	p.ratios(x, standardised)
	for _, j := range s.logarithmic {
		p.logarithmic(j, x, standardised)
	}
	if len(p.Bins) > 0 {
		e.encode(s.kernel, s.whole, standardised, out)
	}
}

func pack(l Layer) packedLayer {
	p := packedLayer{packed: newPacked(l.In, l.Out), bias: make([]float32, padTo(l.Out, panelColumns))}
	copy(p.bias, l.Bias)
	p.pack(l.Weights, l.Out, l.Out, 1)
	return p
}
