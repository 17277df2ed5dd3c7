package model

import (
	"math"

	"gorgonia.org/gorgonia"
)

// lossNode is the mean over the batch of weight * crossEntropy(logit, label). The logits are the first column of a padded matrix; batch is
// the number of rows that the mean is over, and rows beyond it must weigh 0.
func lossNode(logits, labels, weights *gorgonia.Node, columns, batch int) (*gorgonia.Node, error) {
	rows := logits.Shape()[0]
	o := newOperation("loss", 3, 0, 0, func(in [][]float32, out []float32) {
		sum := 0.0
		for i, w := range in[2] {
			if w != 0 {
				sum += float64(w) * crossEntropy(float64(in[0][i*columns]), float64(in[1][i]))
			}
		}
		out[0] = float32(sum / float64(batch))
	})
	o.wrt = []bool{true, false, false}
	o.derive = func(inputs gorgonia.Nodes, _, gradient *gorgonia.Node) (gorgonia.Nodes, error) {
		slope := newOperation("gradient of loss", 4, rows, columns, func(in [][]float32, out []float32) {
			for i, w := range in[2] {
				slope := crossEntropySlope(float64(in[0][i*columns]), float64(in[1][i]))
				out[i*columns] = float32(slope * float64(w) / float64(batch) * float64(in[3][0]))
			}
		})
		slope.scalarLast = true
		byLogits, err := gorgonia.ApplyOp(slope, append(inputs[:3:3], gradient)...)
		return gorgonia.Nodes{byLogits, nil, nil}, err
	}
	return gorgonia.ApplyOp(o, logits, labels, weights)
}

// crossEntropy is softplus(z) - y*z, which is that of sigmoid(z) and stays finite for every z.
func crossEntropy(z, y float64) float64 {
	return max(z, 0) + logarithm(1+exponential(-min(math.Abs(z), 700))) - y*z
}

// crossEntropySlope is the derivative by z.
func crossEntropySlope(z, y float64) float64 { return float64(sigmoid(float32(z))) - y }
