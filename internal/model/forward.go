package model

import (
	"fmt"
	"math"
)

// Forward computes the probabilities of n rows with Gorgonia's forward pass, the one that training uses. It is slow, and there to
// be compared with [Scorer] and [Evaluate]. x is [n, F] row-major. Its error wraps [ErrInvalid] for a model or rows that
// do not fit.
func Forward(m *Model, x []float32, n int) ([]float32, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	if n < 0 || len(x) != n*m.Width() {
		return nil, fmt.Errorf("forward: %d values for %d rows of %d features: %w", len(x), n, m.Width(), ErrInvalid)
	}
	on := &machine{kernel: bestKernel()}
	e, standardised := newEncoder(&m.Preparation), standardiseAll(on.kernel, &m.Preparation, x, n)
	sum := make([]float32, n)
	logits := make([]float32, n)
	for _, member := range m.Members {
		net, err := newNetwork(on, e, member.widths(), min(max(n, 8), 1024), 0, nil)
		if err != nil {
			return nil, err
		}
		for i, l := range member.Layers {
			copy(net.params[2*i], l.Weights)
			copy(net.params[2*i+1], l.Bias)
		}
		if err := net.forward(standardised, logits); err != nil {
			return nil, err
		}
		if err := net.close(); err != nil {
			return nil, fmt.Errorf("forward: close machine: %w", err)
		}
		for i, z := range logits {
			sum[i] += float32(1 / (1 + math.Exp(-float64(z))))
		}
	}
	for i := range sum {
		sum[i] *= 1 / float32(len(m.Members))
	}
	return sum, nil
}

// forward fills logits from standardised rows, a batch at a time. Rows of an earlier batch that stand behind a last, smaller one do
// not reach its results.
func (n *network) forward(standardised, logits []float32) error {
	for from := 0; from < len(logits); from += n.batch {
		to := min(from+n.batch, len(logits))
		copy(n.x, standardised[from*n.inputs:to*n.inputs])
		if err := n.run(); err != nil {
			return err
		}
		n.logits(logits[from:to])
	}
	return nil
}

func standardiseAll(k *kernel, p *Preparation, x []float32, n int) []float32 {
	f, columns := len(p.SignedLog), len(p.Mean)
	standardised := make([]float32, n*columns)
	for i := range n {
		p.standardise(k, x[i*f:(i+1)*f], standardised[i*columns:(i+1)*columns])
	}
	return standardised
}

func (n MLP) widths() []int {
	widths := []int{n.Layers[0].In}
	for _, l := range n.Layers {
		widths = append(widths, l.Out)
	}
	return widths
}
