package model

import "math"

// Scorer computes probabilities with flat kernels: no allocation, no locks, and a row's result does not depend on the other
// rows of its batch, to the last bit. It is not safe for concurrent use; make one per goroutine, they are small.
//
// Rows go through in blocks: a block's values stay in the first-level cache while the weights of a layer, 16 columns at a time, are
// loaded once for all its rows.
type Scorer struct {
	preparation Preparation
	members     [][]packedLayer
	share       float32 // 1 / number of members
	kernel      kernel

	block    int       // rows per block, a multiple of tileRows
	prepared []float32 // [block, width of a prepared row]
	hidden   [2][]float32
}

// packedLayer is a layer cut into panels of 16 columns, each [In, 16]; the last one is filled up with zeros.
type packedLayer struct {
	in, padded int
	weights    []float32 // [padded/16, In, 16]
	bias       []float32 // [padded]
	floor      float32
}

// mostBlock rows of the usual 64 hidden units are 12 KiB per buffer.
const mostBlock = 8 * tileRows

// NewScorer makes a scorer for a model that passed [Model.Validate]. maxRows is the batch size to expect: it bounds the buffers, and
// larger batches work as well.
func NewScorer(m *Model, maxRows int) *Scorer { return newScorer(m, maxRows, bestKernel()) }

func newScorer(m *Model, maxRows int, k kernel) *Scorer {
	s := &Scorer{preparation: m.Preparation, share: 1 / float32(len(m.Members)), kernel: k}
	s.block = min(padTo(max(maxRows, 1), tileRows), mostBlock)
	widest := 0
	for _, member := range m.Members {
		var layers []packedLayer
		for i, l := range member.Layers {
			packed := pack(l)
			if i+1 == len(member.Layers) {
				packed.floor = float32(math.Inf(-1))
			}
			widest = max(widest, packed.padded)
			layers = append(layers, packed)
		}
		s.members = append(s.members, layers)
	}
	s.prepared = make([]float32, s.block*m.Preparation.Width())
	for i := range s.hidden {
		s.hidden[i] = make([]float32, s.block*widest)
	}
	return s
}

// Score writes the probabilities of the first n rows of x, [n, F] row-major, to out[:n]. Values must be finite.
func (s *Scorer) Score(x []float32, n int, out []float32) {
	f := len(s.preparation.Mean)
	for from := 0; from < n; from += s.block {
		rows := min(s.block, n-from)
		s.scoreBlock(x[from*f:(from+rows)*f], rows, out[from:from+rows])
	}
}

// scoreBlock runs whole tiles. Rows beyond the last given one hold what an earlier block left there; their results are dropped.
func (s *Scorer) scoreBlock(x []float32, rows int, out []float32) {
	f, width := len(s.preparation.Mean), s.preparation.Width()
	for i := range rows {
		s.preparation.Apply(x[i*f:(i+1)*f], s.prepared[i*width:(i+1)*width])
		out[i] = 0
	}
	tiled := padTo(rows, tileRows)
	for _, layers := range s.members {
		in, stride := s.prepared, width
		for i := range layers {
			l, to := &layers[i], s.hidden[i%2]
			for column := 0; column < l.padded; column += panelColumns {
				panel := l.weights[column*l.in : (column+panelColumns)*l.in]
				for r := 0; r < tiled; r += tileRows {
					s.kernel(in[r*stride:], stride, panel, l.bias[column:], to[r*l.padded+column:], l.padded, l.in, l.floor)
				}
			}
			in, stride = to, l.padded
		}
		for i := range out {
			out[i] += sigmoid(in[i*stride])
		}
	}
	for i := range out {
		out[i] *= s.share
	}
}

func pack(l Layer) packedLayer {
	p := packedLayer{in: l.In, padded: padTo(l.Out, panelColumns)}
	p.weights, p.bias = make([]float32, l.In*p.padded), make([]float32, p.padded)
	copy(p.bias, l.Bias)
	for i := range l.In {
		for c := range l.Out {
			p.weights[(c/panelColumns*l.In+i)*panelColumns+c%panelColumns] = l.Weights[i*l.Out+c]
		}
	}
	return p
}

func padTo(n, multiple int) int { return (n + multiple - 1) / multiple * multiple }
