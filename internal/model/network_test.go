package model

import (
	"math"
	"slices"
	"testing"
)

// loss of the network's formula in float64, computed apart from Gorgonia and the kernels.
func plainLoss(n *network, p *Preparation, widths []int, gamma float64) float64 {
	total := 0.0
	for row := range n.batch {
		encoded := make([]float32, widths[0])
		p.Apply(n.x[row*n.inputs:(row+1)*n.inputs], encoded)
		h := widen(encoded)
		for k := 1; k < len(widths); k++ {
			next := widen(n.params[2*(k-1)+1])
			for j := range next {
				for i, v := range h {
					next[j] += v * float64(n.params[2*(k-1)][i*widths[k]+j])
				}
				if k < len(widths)-1 {
					next[j] = max(next[j], 0)
					if n.masks != nil {
						next[j] *= float64(n.masks[k-1][row*padTo(widths[k], panelColumns)+j])
					}
				}
			}
			h = next
		}
		z := h[0]
		entropy := math.Log1p(math.Exp(z)) - float64(n.y[row])*z
		total += float64(n.w[row]) * entropy * math.Pow(1-math.Exp(-entropy), gamma)
	}
	return total / float64(n.batch)
}

func TestNetworkGradientsEqualFiniteDifferences(t *testing.T) {
	plain := &Preparation{SignedLog: make([]bool, 3), Mean: make([]float32, 3), Scale: []float32{1, 1, 1}, Clip: 30}
	binned := *plain
	for i := range 11 { // of the columns 0, 1 and 2, in runs of one, two and more
		binned.Bins = append(binned.Bins, Bin{Column: i * i % 3 * (i % 2), Low: float32(i%4) - 2, Slope: 0.75})
	}
	for _, k := range kernels() {
		t.Run(k.name, func(t *testing.T) {
			testGradients(t, k, plain, []int{3, 5, 4, 1}, loss{})
			testGradients(t, k, &binned, []int{14, 80, 20, 1}, loss{})
			testGradients(t, k, &binned, []int{14, 80, 20, 1}, loss{gamma: 2})
			testGradients(t, k, &binned, []int{14, 16, 1}, loss{gamma: 0.5})
			testGradients(t, k, plain, []int{3, 1}, loss{})
		})
	}
}

func testGradients(t *testing.T, k *kernel, p *Preparation, widths []int, l loss) {
	n, err := newNetwork(&machine{kernel: k}, newEncoder(p), widths, 7, 0.25, &l)
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	initialise(n.params, widths, -1, stream(1, 0, 0, forWeights))
	r := stream(2, 0, 0, forWeights)
	for i := 1; i < len(n.params); i += 2 { // a bias of 0 would leave units without input at the ReLU's kink
		for j := range n.params[i] {
			n.params[i][j] += float32(0.2 * r.NormFloat64())
		}
	}
	for row := range 6 { // the seventh is padding
		for i := range 3 {
			n.x[row*3+i] = float32(r.NormFloat64())
		}
		n.y[row], n.w[row] = float32(row%2), float32(row+1)
	}
	for _, mask := range n.masks {
		dropMask(k, mask, 0.25, source(3, 0, 0, forDropout))
	}
	for pass := range 2 { // a second run must not add to the first one's gradients
		if err := n.run(); err != nil {
			t.Fatal(err)
		}
		if got, want := float64(n.loss.Data().(float32)), plainLoss(n, p, widths, l.gamma); math.Abs(got-want) > 1e-5 {
			t.Fatalf("widths %v: loss %v, want %v", widths, got, want)
		}
		for i, values := range n.params {
			gradient, err := n.gradient(i)
			if err != nil {
				t.Fatal(err)
			}
			for j := 0; j < len(values); j += 1 + len(values)/200 {
				const step = 1.0 / 1024
				was := values[j]
				values[j] = was + step
				up := plainLoss(n, p, widths, l.gamma)
				values[j] = was - step
				down := plainLoss(n, p, widths, l.gamma)
				values[j] = was
				if want := (up - down) / (2 * step); math.Abs(float64(gradient[j])-want) > 2e-3 {
					t.Errorf("widths %v, pass %d: gradient of parameter %d[%d] is %v, want %v", widths, pass, i, j, gradient[j], want)
				}
			}
		}
	}
}

func TestDropMaskKeepsTheMean(t *testing.T) {
	for _, p := range []float64{0.1, 0.5, 0.8} {
		mask, want := make([]float32, 100_001), make([]float32, 100_001)
		dropMask(bestKernel(), mask, p, source(3, 0, 0, forDropout))
		dropMask(portable, want, p, source(3, 0, 0, forDropout))
		if !slices.Equal(mask, want) {
			t.Errorf("p %v: the kernels drop different values", p)
		}
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
