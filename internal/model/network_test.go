package model

import (
	"math"
	"testing"
)

// loss of the network's formula in float64, computed apart from Gorgonia.
func plainLoss(n *network, widths []int) float64 {
	total := 0.0
	for row := range n.batch {
		h := widen(n.x[row*widths[0] : (row+1)*widths[0]])
		for k := 1; k < len(widths); k++ {
			next := widen(n.params[2*(k-1)+1])
			for j := range next {
				for i, v := range h {
					next[j] += v * float64(n.params[2*(k-1)][i*widths[k]+j])
				}
				if k < len(widths)-1 {
					next[j] = max(next[j], 0)
					if n.masks != nil {
						next[j] *= float64(n.masks[k-1][row*widths[k]+j])
					}
				}
			}
			h = next
		}
		z := h[0]
		total += float64(n.w[row]) * (math.Log1p(math.Exp(z)) - float64(n.y[row])*z)
	}
	return total / float64(n.batch)
}

func TestNetworkGradientsEqualFiniteDifferences(t *testing.T) {
	widths := []int{3, 5, 4, 1}
	n, err := newNetwork(widths, 7, 0.25, true)
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	initialise(n.params, widths, -1, stream(1, 0, 0, forWeights))
	r := stream(2, 0, 0, forWeights)
	for row := range 6 { // the seventh is padding
		for i := range 3 {
			n.x[row*3+i] = float32(r.NormFloat64())
		}
		n.y[row], n.w[row] = float32(row%2), float32(row+1)
	}
	for _, mask := range n.masks {
		dropMask(mask, 0.25, r)
	}
	for pass := range 2 { // a second run must not add to the first one's gradients
		if err := n.run(); err != nil {
			t.Fatal(err)
		}
		if got, want := float64(n.loss.Data().(float32)), plainLoss(n, widths); math.Abs(got-want) > 1e-5 {
			t.Fatalf("loss %v, want %v", got, want)
		}
		for i, p := range n.params {
			gradient, err := n.gradient(i)
			if err != nil {
				t.Fatal(err)
			}
			for j := range p {
				const step = 1.0 / 1024
				was := p[j]
				p[j] = was + step
				up := plainLoss(n, widths)
				p[j] = was - step
				down := plainLoss(n, widths)
				p[j] = was
				if want := (up - down) / (2 * step); math.Abs(float64(gradient[j])-want) > 2e-3 {
					t.Errorf("pass %d: gradient of parameter %d[%d] is %v, want %v", pass, i, j, gradient[j], want)
				}
				gradient[j] = 0
			}
		}
	}
}

func TestDropMaskKeepsTheMean(t *testing.T) {
	for _, p := range []float64{0.1, 0.5, 0.8} {
		mask := make([]float32, 100_001)
		dropMask(mask, p, stream(3, 0, 0, forDropout))
		sum, dropped := 0.0, 0
		for _, v := range mask {
			sum += float64(v)
			if v == 0 {
				dropped++
			}
		}
		if mean := sum / float64(len(mask)); math.Abs(mean-1) > 0.03 {
			t.Errorf("p %v: mean %v, want 1", p, mean)
		}
		if share := float64(dropped) / float64(len(mask)); math.Abs(share-p) > 0.01 {
			t.Errorf("p %v: dropped %v", p, share)
		}
	}
}

func TestAveragePrecisionTakesEqualScoresTogether(t *testing.T) {
	// By hand: at .9 precision 1 and recall .5; at .5 (both rows) precision 2/5 and recall 1.
	ap := averagePrecision([]float32{0.5, 0.9, 0.5, 0.1}, []float32{1, 1, 0, 0}, []float32{1, 1, 3, 10})
	if want := 0.5*1 + 0.5*2.0/5; math.Abs(ap-want) > 1e-12 {
		t.Errorf("average precision %v, want %v", ap, want)
	}
}
