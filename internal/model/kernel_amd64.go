//go:build !purego

package model

import "golang.org/x/sys/cpu"

// bestKernel is the fastest one that this processor runs.
func bestKernel() *kernel { return kernels()[0] }

// kernels are those that this processor runs, the fastest first.
func kernels() []*kernel {
	var all []*kernel
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		vector := &kernel{name: "avx2", narrow: avx2Tile, vectors: vectors{
			dot: avx2Dot, standardise: avx2Standardise, encode: avx2Encode, multiply: avx2Multiply, mask: avx2Mask, sumRows: avx2SumRows, gate: avx2Gate, adam: avx2Adam,
		}}
		if cpu.X86.HasAVX512F {
			wide := *vector
			wide.name, wide.pair, wide.wide = "avx512", avx512Pair, avx512Tile
			all = append(all, &wide)
		}
		all = append(all, vector)
	}
	return append(all, portableKernel())
}

// check touches the last value of everything that the assembly is going to: it knows no bounds.
func (t *tile) check(panels int) {
	_ = t.a[(tileRows-1)*t.aRow+(t.steps-1)*t.aStep]
	_ = t.b[(t.steps-1)*t.bStep+(panels-1)*t.bPanel+panelColumns-1]
	_ = t.start[(tileRows-1)*t.startRow+panels*panelColumns-1]
	_ = t.out[(tileRows-1)*t.outRow+panels*panelColumns-1]
}

func avx2Tile(t *tile) {
	t.check(1)
	tileAVX2(t)
}

func avx512Pair(t *tile) {
	t.check(pairPanels)
	tilePairAVX512(t)
}

func avx512Tile(t *tile) {
	t.check(widePanels)
	tileAVX512(t)
}

func avx2Dot(x []float32, row, rows int, w []float32, n int, bias float32, out []float32) {
	if rows == 0 {
		return
	}
	_, _, _ = x[(rows-1)*row+n-1], w[n-1], out[rows-1]
	dotAVX2(&x[0], row*4, rows, &w[0], n, bias, &out[0])
}

const lanes = 8

// The element-wise ones take whole vectors, and leave a rest to the portable ones, which compute the same bits.

func avx2Standardise(x, mean, scale []float32, clip float32, out []float32) {
	n := len(mean) / lanes * lanes
	if n > 0 {
		_, _, _ = x[n-1], scale[n-1], out[n-1]
		standardiseAVX2(&x[0], &mean[0], &scale[0], &out[0], n, clip)
	}
	if n < len(mean) {
		portableStandardise(x[n:], mean[n:], scale[n:], clip, out[n:])
	}
}

func avx2Encode(x []float32, runs []run, low, slope, out []float32) {
	bins := 0
	for _, r := range runs {
		_, bins = x[r.column], bins+r.bins
	}
	if bins == 0 {
		return
	}
	_, _, _ = low[bins+lanes-2], slope[bins+lanes-2], out[bins+lanes-2]
	encodeAVX2(&x[0], &runs[0], len(runs), &low[0], &slope[0], &out[0])
}

func avx2Mask(draws []uint64, limit uint32, keep float32, out []float32) {
	n := len(out) / lanes * lanes
	if n > 0 {
		_ = draws[n/4-1]
		maskAVX2(&draws[0], limit, keep, &out[0], n)
	}
	portableMask(draws[n/4:], limit, keep, out[n:])
}

func avx2SumRows(x []float32, row, rows int, out []float32) {
	if rows == 0 || len(out) == 0 {
		return
	}
	_ = x[(rows-1)*row+len(out)-1]
	sumRowsAVX2(&x[0], row*4, rows, &out[0], len(out))
}

func avx2Multiply(x, y []float32) {
	n := len(x) / lanes * lanes
	if n > 0 {
		_ = y[n-1]
		multiplyAVX2(&x[0], &y[0], n)
	}
	portableMultiply(x[n:], y[n:])
}

func avx2Gate(y, dy []float32, keep float32, out []float32) {
	n := len(y) / lanes * lanes
	if n > 0 {
		_, _ = dy[n-1], out[n-1]
		gateAVX2(&y[0], &dy[0], &out[0], n, keep)
	}
	portableGate(y[n:], dy[n:], keep, out[n:])
}

func avx2Adam(params, gradient, first, second []float32, s adamScales) {
	n := len(params) / lanes * lanes
	if n > 0 {
		_, _, _ = gradient[n-1], first[n-1], second[n-1]
		adamAVX2(&params[0], &gradient[0], &first[0], &second[0], n, &s)
	}
	portableAdam(params[n:], gradient[n:], first[n:], second[n:], s)
}

//go:noescape
func tileAVX2(t *tile)

//go:noescape
func tilePairAVX512(t *tile)

//go:noescape
func tileAVX512(t *tile)

//go:noescape
func dotAVX2(x *float32, row, rows int, w *float32, n int, bias float32, out *float32)

//go:noescape
func standardiseAVX2(x, mean, scale, out *float32, n int, clip float32)

//go:noescape
func encodeAVX2(x *float32, runs *run, n int, low, slope, out *float32)

//go:noescape
func maskAVX2(draws *uint64, limit uint32, keep float32, out *float32, n int)

//go:noescape
func sumRowsAVX2(x *float32, row, rows int, out *float32, n int)

//go:noescape
func multiplyAVX2(x, y *float32, n int)

//go:noescape
func gateAVX2(y, dy, out *float32, n int, keep float32)

//go:noescape
func adamAVX2(params, gradient, first, second *float32, n int, s *adamScales)
