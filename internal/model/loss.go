package model

import (
	"math"

	"gorgonia.org/gorgonia"
)

// lossNode is the mean over the batch of weight * loss(logit, label). The logits are the first column of a padded matrix; batch is
// the number of rows that the mean is over, and rows beyond it must weigh 0.
func lossNode(logits, labels, weights *gorgonia.Node, columns, batch int, l loss) (*gorgonia.Node, error) {
	rows := logits.Shape()[0]
	o := newOperation("loss", 3, 0, 0, func(in [][]float32, out []float32) {
		sum := 0.0
		for i, w := range in[2] {
			if w != 0 {
				sum += float64(w) * l.of(float64(in[0][i*columns]), float64(in[1][i]))
			}
		}
		out[0] = float32(sum / float64(batch))
	})
	o.wrt = []bool{true, false, false}
	o.derive = func(inputs gorgonia.Nodes, _, gradient *gorgonia.Node) (gorgonia.Nodes, error) {
		slope := newOperation("gradient of loss", 4, rows, columns, func(in [][]float32, out []float32) {
			for i, w := range in[2] {
				slope := l.slope(float64(in[0][i*columns]), float64(in[1][i]))
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

// loss of a row by its logit and label: (1 - p)^gamma * crossEntropy, p the probability of the true class (Lin et al., "Focal Loss for
// Dense Object Detection", 2017). With a gamma of 0 it is the cross-entropy.
type loss struct{ gamma float64 }

func (l loss) of(z, y float64) float64 {
	if l.gamma == 0 {
		return crossEntropy(z, y)
	}
	return power(missed(z, y), l.gamma) * crossEntropy(z, y)
}

// slope is the derivative by z: that of the cross-entropy, and what the factor changes with z.
func (l loss) slope(z, y float64) float64 {
	if l.gamma == 0 {
		return crossEntropySlope(z, y)
	}
	miss, towards := missed(z, y), 1-2*y
	return towards * power(miss, l.gamma) * (miss + l.gamma*(1-miss)*crossEntropy(z, y))
}

// missed is 1 - p: how far a row is from its class.
func missed(z, y float64) float64 { return float64(sigmoid(float32((1 - 2*y) * z))) }

// power is x^y for x from 0 to 1, by the functions that give the same bits everywhere.
func power(x, y float64) float64 {
	if x < 1e-300 {
		return 0
	}
	return exponential(max(y*logarithm(x), -700))
}
