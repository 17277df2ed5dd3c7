package model

// A kernel computes 16 outputs of an affine layer for 6 rows:
//
//	out[r*outStride+c] = max(floor, bias[c] + sum over i of x[r*stride+i] * panel[i*16+c])      r in 0..5, c in 0..15, i in 0..inputs-1
//
// Every output is one chain of multiply-adds over i in ascending order, started from the bias. That is what makes a row's
// result independent of its place in a batch: tiling decides which chains run side by side, never the order within one.
// floor is 0 for a ReLU and -Inf for none.
type kernel func(x []float32, stride int, panel, bias, out []float32, outStride, inputs int, floor float32)

const (
	tileRows     = 6
	panelColumns = 16
)

// portableKernel runs everywhere. Each step rounds twice, product and sum, where a fused multiply-add rounds once; the kernels
// therefore agree closely, not to the bit. Eight sums at a time are what stays in registers.
func portableKernel(x []float32, stride int, panel, bias, out []float32, outStride, inputs int, floor float32) {
	for r := 0; r < tileRows; r += 2 {
		x0, x1 := x[r*stride:][:inputs], x[(r+1)*stride:][:inputs]
		for c := 0; c < panelColumns; c += 4 {
			b := (*[4]float32)(bias[c:])
			a0, a1, a2, a3 := b[0], b[1], b[2], b[3]
			b0, b1, b2, b3 := a0, a1, a2, a3
			for i, u := range x0 {
				w, v := (*[4]float32)(panel[i*panelColumns+c:]), x1[i]
				a0 += u * w[0]
				a1 += u * w[1]
				a2 += u * w[2]
				a3 += u * w[3]
				b0 += v * w[0]
				b1 += v * w[1]
				b2 += v * w[2]
				b3 += v * w[3]
			}
			*(*[4]float32)(out[r*outStride+c:]) = [4]float32{max(a0, floor), max(a1, floor), max(a2, floor), max(a3, floor)}
			*(*[4]float32)(out[(r+1)*outStride+c:]) = [4]float32{max(b0, floor), max(b1, floor), max(b2, floor), max(b3, floor)}
		}
	}
}
