package model

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// untrained is a model of the given shape with random weights, for tests that do not care what it learned.
func untrained(features, members int, hidden ...int) *Model {
	r := rand.New(rand.NewPCG(3, 4))
	m := &Model{Threshold: 0.5}
	m.Preparation = Preparation{SignedLog: make([]bool, features), Clip: 30}
	m.Preparation.SignedLog[features-1] = true
	for j := range features {
		m.Features = append(m.Features, "V"+string(rune('A'+j/26))+string(rune('a'+j%26)))
		m.Preparation.Mean = append(m.Preparation.Mean, float32(r.NormFloat64()))
		m.Preparation.Scale = append(m.Preparation.Scale, float32(0.5+r.Float64()))
	}
	for i := range members {
		widths := append(append([]int{features}, hidden...), 1)
		var member MLP
		var params [][]float32
		for k := 1; k < len(widths); k++ {
			l := Layer{In: widths[k-1], Out: widths[k], Weights: make([]float32, widths[k-1]*widths[k]), Bias: make([]float32, widths[k])}
			member.Layers, params = append(member.Layers, l), append(params, l.Weights, l.Bias)
		}
		initialise(params, widths, -2, stream(9, i, 0, forWeights))
		m.Members = append(m.Members, member)
	}
	return m
}

// binned is an untrained model of 29 features with 64-64 hidden units and count bins per feature.
func binned(members, count int) *Model {
	m := untrained(29*(count+1), members, 64, 64)
	m.Features = m.Features[:29]
	p := &m.Preparation
	p.SignedLog, p.Mean, p.Scale = make([]bool, 29), p.Mean[:29], p.Scale[:29]
	p.SignedLog[28] = true
	for j := range 29 {
		for k := range count {
			p.Bins = append(p.Bins, Bin{Column: j, Low: float32(k) - 4, Slope: 1})
		}
	}
	return m
}

func randomRows(n, f int) []float32 {
	r := rand.New(rand.NewPCG(5, 6))
	x := make([]float32, n*f)
	for i := range x {
		x[i] = float32(r.NormFloat64() * 2)
	}
	return x
}

func TestScorerGivesARowTheSameBitsInAnyBatchAndPosition(t *testing.T) {
	const n, f = 131, 29
	m, x := untrained(f, 2, 40, 24), randomRows(131, 29)
	for name, k := range map[string]kernel{"portable": portableKernel, "best": bestKernel()} {
		t.Run(name, func(t *testing.T) {
			want := make([]float32, n)
			newScorer(m, n, k).Score(x, n, want)
			for _, size := range []int{1, 2, 5, 6, 7, 48, 49, 130} {
				s, got := newScorer(m, size, k), make([]float32, n)
				for from := 0; from < n; from += size {
					rows := min(size, n-from)
					s.Score(x[from*f:], rows, got[from:])
				}
				for i := range got {
					if got[i] != want[i] {
						t.Fatalf("row %d in batches of %d scores %v, in one batch %v", i, size, got[i], want[i])
					}
				}
			}
		})
	}
}

func TestKernelsAgree(t *testing.T) {
	for _, hidden := range [][]int{{64, 64}, {1}, {17, 16, 15}, {130}} {
		m, x := untrained(29, 3, hidden...), randomRows(500, 29)
		portable, best := make([]float32, 500), make([]float32, 500)
		newScorer(m, 500, portableKernel).Score(x, 500, portable)
		newScorer(m, 500, bestKernel()).Score(x, 500, best)
		if gap := largestGap(portable, best); gap > 1e-6 {
			t.Errorf("hidden %v: the kernels differ by %g", hidden, gap)
		}
	}
}

func TestScorerDoesNotAllocate(t *testing.T) {
	m, x, out := untrained(29, 2, 64, 64), randomRows(100, 29), make([]float32, 100)
	s := NewScorer(m, 100)
	if n := testing.AllocsPerRun(20, func() { s.Score(x, 100, out) }); n != 0 {
		t.Errorf("%v allocations per batch, want 0", n)
	}
}

// processorTime is what the process has used: unlike the wall clock it means something on a machine that is busy with other work.
func processorTime(t testing.TB) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func BenchmarkScorer(b *testing.B) {
	for _, c := range []struct {
		name    string
		members int
		rows    int
		bins    int
		kernel  kernel
	}{
		{"best/members=1/rows=1", 1, 1, 0, bestKernel()},
		{"best/members=1/rows=512", 1, 512, 0, bestKernel()},
		{"best/members=4/rows=512", 4, 512, 0, bestKernel()},
		{"best/members=3/bins=4/rows=512", 3, 512, 4, bestKernel()},
		{"best/members=4/bins=4/rows=512", 4, 512, 4, bestKernel()},
		{"portable/members=1/rows=512", 1, 512, 0, portableKernel},
	} {
		b.Run(c.name, func(b *testing.B) {
			m, x, out := untrained(29, c.members, 64, 64), randomRows(c.rows, 29), make([]float32, c.rows)
			if c.bins > 0 {
				m = binned(c.members, c.bins)
			}
			s := newScorer(m, c.rows, c.kernel)
			b.ReportAllocs()
			before := processorTime(b)
			for b.Loop() {
				s.Score(x, c.rows, out)
			}
			b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(b.N*c.rows), "cpu-ns/row")
		})
	}
}
