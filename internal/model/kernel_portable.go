package model

import "math"

// portableKernel runs everywhere.
func portableKernel() *kernel {
	return &kernel{name: "portable", narrow: portableTile, vectors: vectors{
		dot: portableDot, standardise: portableStandardise, encode: portableEncode, multiply: portableMultiply, mask: portableMask, sumRows: portableSumRows, gate: portableGate, adam: portableAdam,
	}}
}

// portableTile keeps eight sums at a time, which is what stays in registers.
func portableTile(t *tile) {
	for r := 0; r < tileRows; r += 2 {
		x0, x1 := t.a[r*t.aRow:], t.a[(r+1)*t.aRow:]
		for c := 0; c < panelColumns; c += 4 {
			s0, s1 := (*[4]float32)(t.start[r*t.startRow+c:]), (*[4]float32)(t.start[(r+1)*t.startRow+c:])
			a0, a1, a2, a3 := s0[0], s0[1], s0[2], s0[3]
			b0, b1, b2, b3 := s1[0], s1[1], s1[2], s1[3]
			for i := range t.steps {
				w, u, v := (*[4]float32)(t.b[i*t.bStep+c:]), x0[i*t.aStep], x1[i*t.aStep]
				a0 += u * w[0]
				a1 += u * w[1]
				a2 += u * w[2]
				a3 += u * w[3]
				b0 += v * w[0]
				b1 += v * w[1]
				b2 += v * w[2]
				b3 += v * w[3]
			}
			*(*[4]float32)(t.out[r*t.outRow+c:]) = [4]float32{max(a0, t.floor), max(a1, t.floor), max(a2, t.floor), max(a3, t.floor)}
			*(*[4]float32)(t.out[(r+1)*t.outRow+c:]) = [4]float32{max(b0, t.floor), max(b1, t.floor), max(b2, t.floor), max(b3, t.floor)}
		}
	}
}

// portableDot adds in the order of the vector one: 16 lanes, then halves onto halves.
func portableDot(x []float32, row, rows int, w []float32, n int, bias float32, out []float32) {
	for r := range rows {
		var lanes [16]float32
		for i := 0; i < n; i += 16 {
			v, u := (*[16]float32)(x[r*row+i:]), (*[16]float32)(w[i:])
			for l := range lanes {
				lanes[l] += v[l] * u[l]
			}
		}
		for half := 8; half > 0; half /= 2 {
			for l := range half {
				lanes[l] += lanes[l+half]
			}
		}
		out[r] = lanes[0] + bias
	}
}

func portableStandardise(x, mean, scale []float32, clip float32, out []float32) {
	scale, out, x = scale[:len(mean)], out[:len(mean)], x[:len(mean)]
	for j, m := range mean {
		out[j] = min(max((x[j]-m)*scale[j], -clip), clip)
	}
}

func portableEncode(x []float32, runs []run, low, slope, out []float32) {
	for _, r := range runs {
		v, lows, slopes, to := x[r.column], low[:r.bins], slope[:r.bins], out[:r.bins]
		for i, l := range lows {
			to[i] = min(max((v-l)*slopes[i], 0), 1)
		}
		low, slope, out = low[r.bins:], slope[r.bins:], out[r.bins:]
	}
}

func portableMask(draws []uint64, limit uint32, keep float32, out []float32) {
	for i := range out {
		// All ones where the draw is below the limit: a branch would be taken at random, which costs more than the draw.
		below := uint32((int32(draws[i/4]>>(16*(i%4))&0xffff) - int32(limit)) >> 31)
		out[i] = math.Float32frombits(math.Float32bits(keep) &^ below)
	}
}

func portableSumRows(x []float32, row, rows int, out []float32) {
	for r := range rows {
		for c, v := range x[r*row:][:len(out)] {
			out[c] += v
		}
	}
}

func portableMultiply(x, y []float32) {
	y = y[:len(x)]
	for i := range x {
		x[i] *= y[i]
	}
}

func portableGate(y, dy []float32, keep float32, out []float32) {
	dy, out = dy[:len(y)], out[:len(y)]
	for i, v := range y {
		out[i] = 0
		if v > 0 {
			out[i] = dy[i] * keep
		}
	}
}
