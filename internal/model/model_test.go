package model

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// generated rows are learnable but not by a straight line: the positive class lies outside a circle in the first two columns,
// and the last column is an amount with a heavy tail.
func generated(seed uint64, n int) Rows {
	r := rand.New(rand.NewPCG(seed, 1))
	rows := Rows{F: 5}
	for range n {
		x := []float32{float32(r.NormFloat64()), float32(r.NormFloat64()), float32(r.NormFloat64()), 3, float32(math.Exp(3 * r.NormFloat64()))}
		y := float32(0)
		if x[0]*x[0]+x[1]*x[1]+0.3*float32(r.NormFloat64()) > 3.5 {
			y = 1
		}
		rows.X, rows.Y = append(rows.X, x...), append(rows.Y, y)
	}
	return rows
}

var generatedNames = []string{"A", "B", "C", "Constant", "Amount"}

func smallConfig() Config {
	return Config{Hidden: []int{16, 8}, Members: 2, SignedLog: []bool{false, false, false, false, true}, Bins: 4,
		TailQuantiles: []float64{0.99}, Ratios: []Ratio{{4, 0}, {1, 4}},
		Epochs: 6, Batch: 64, LearningRate: 1e-2, WeightDecay: 0.01, Dropout: 0.1, Seed: 7, NegativeWeight: 3}
}

func fitted(t testing.TB, cfg Config) *Model {
	t.Helper()
	m, _, err := Fit(context.Background(), generated(1, 1500), generated(2, 500), cfg, generatedNames, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFitLearnsWhatNoStraightLineSeparates(t *testing.T) {
	m, epochs, err := Fit(context.Background(), generated(1, 4000), generated(2, 1000), smallConfig(), generatedNames, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(epochs) != 12 {
		t.Errorf("%d epochs, want 2 members of 6", len(epochs))
	}
	test := generated(3, 2000)
	p := make([]float32, test.Len())
	NewScorer(m, test.Len()).Score(test.X, test.Len(), p)
	if ap := averagePrecision(p, test.Y, test.worldWeights(smallConfig())); ap < 0.85 {
		t.Errorf("average precision on new rows %.3f, want at least .85", ap)
	}
	if first, last := epochs[0].TrainLoss, epochs[5].TrainLoss; last > first/2 {
		t.Errorf("training loss went from %.4f to %.4f, want at most half", first, last)
	}
}

func TestEveryReaderOfAModelGivesTheSameProbabilities(t *testing.T) {
	plain := smallConfig()
	plain.Bins, plain.TailQuantiles, plain.Ratios, plain.SignedLog, plain.Members, plain.Hidden = 0, nil, nil, nil, 1, []int{33}
	ratios := plain
	ratios.Ratios = []Ratio{{4, 2}}
	for name, cfg := range map[string]Config{"bins and signed log": smallConfig(), "plain": plain, "ratios alone": ratios} {
		t.Run(name, func(t *testing.T) {
			m := fitted(t, cfg)
			file, err := m.ONNX()
			if err != nil {
				t.Fatal(err)
			}
			rows := generated(4, 333)
			evaluated, err := Evaluate(file, rows.X, rows.Len())
			if err != nil {
				t.Fatal(err)
			}
			forwarded, err := Forward(m, rows.X, rows.Len())
			if err != nil {
				t.Fatal(err)
			}
			scored := make([]float32, rows.Len())
			NewScorer(m, 64).Score(rows.X, rows.Len(), scored)
			if gap := largestGap(evaluated, forwarded); gap > 1e-6 {
				t.Errorf("Gorgonia and the exported file differ by %g", gap)
			}
			if gap := largestGap(evaluated, scored); gap > 1e-6 {
				t.Errorf("the scorer and the exported file differ by %g", gap)
			}
		})
	}
}

func largestGap(a, b []float32) float64 {
	gap := 0.0
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if !(d <= gap) {
			gap = d
		}
	}
	return gap
}
