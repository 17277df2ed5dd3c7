package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
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
	x := randomRows(131, 29)
	for _, k := range kernels() {
		for name, m := range map[string]*Model{"plain": untrained(f, 2, 40, 24), "bins": binned(2, 9)} {
			t.Run(k.name+" "+name, func(t *testing.T) {
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
}

func TestKernelsAgree(t *testing.T) {
	x := randomRows(500, 29)
	models := map[string]*Model{"bins": binned(3, 7), "many bins": binned(1, 16)}
	for _, hidden := range [][]int{nil, {64, 64}, {1}, {17, 16, 15}, {130}, {100}} {
		models[fmt.Sprint(hidden)] = untrained(29, 3, hidden...)
	}
	for name, m := range models {
		want, fused := make([]float32, 500), []float32(nil)
		newScorer(m, 500, portableKernel()).Score(x, 500, want)
		for _, k := range kernels() {
			got := make([]float32, 500)
			newScorer(m, 500, k).Score(x, 500, got)
			if gap := largestGap(want, got); gap > 1e-6 {
				t.Errorf("%s: %s differs from the portable kernel by %g", name, k.name, gap)
			}
			if k.name == "portable" {
				continue
			}
			if fused == nil {
				fused = got
			}
			if !slices.Equal(fused, got) {
				t.Errorf("%s: the kernels with fused multiply-adds differ, %s from %s", name, k.name, kernels()[0].name)
			}
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
	for _, k := range kernels() {
		for name, m := range map[string]*Model{
			"29": untrained(29, 1, 64, 64), "139": untrained(139, 1, 64, 64), "731": untrained(731, 1, 64, 64), "29x16": binned(1, 16), "3 members of 29x4": binned(3, 4),
		} {
			for _, rows := range []int{1, 64, 1024} {
				b.Run(fmt.Sprintf("%s/%s/rows=%d", k.name, name, rows), func(b *testing.B) {
					x, out := randomRows(rows, m.Width()), make([]float32, rows)
					s := newScorer(m, rows, k)
					b.ReportAllocs()
					before := processorTime(b)
					for b.Loop() {
						s.Score(x, rows, out)
					}
					b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(b.N*rows), "cpu-ns/row")
				})
			}
		}
	}
}
