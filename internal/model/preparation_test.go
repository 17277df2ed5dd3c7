package model

import (
	"math"
	"testing"
)

func TestPreparationStandardisesTheTrainingRows(t *testing.T) {
	rows := generated(1, 2000)
	p := fitPreparation(rows, smallConfig().withDefaults())
	prepared := prepareAll(&p, rows.X, rows.Len())
	names := append(generatedNames[:5:5], "Amount over A", "B over Amount")
	for j := range names {
		column := make([]float64, rows.Len())
		for i := range column {
			column[i] = float64(prepared[i*p.Width()+j])
		}
		mean, deviation := moments(column)
		want := 1.0
		if names[j] == "Constant" {
			want = 0
		}
		if math.Abs(mean) > 1e-5 || math.Abs(deviation-want) > 1e-5 {
			t.Errorf("%s has mean %v and deviation %v, want 0 and %v", names[j], mean, deviation, want)
		}
	}
}

func TestPreparationOfAConstantColumnStaysMild(t *testing.T) {
	rows := Rows{F: 1}
	for range 1001 {
		rows.X, rows.Y = append(rows.X, 0.1), append(rows.Y, 0)
	}
	p := fitPreparation(rows, Config{Clip: 30, Bins: 4})
	out := make([]float32, p.Width())
	p.Apply([]float32{1.1}, out)
	if len(out) != 1 || math.Abs(float64(out[0])-1) > 1e-5 {
		t.Errorf("a constant column moved by 1 is prepared as %v, want [1]", out)
	}
}

func TestPreparationClipsAndTakesLogarithms(t *testing.T) {
	p := Preparation{SignedLog: []bool{true, false}, Mean: []float32{0, 10}, Scale: []float32{1, 0.5}, Clip: 4,
		Bins: []Bin{{Column: 1, Low: -1, Slope: 0.5}}}
	for _, c := range []struct{ x, want [3]float32 }{
		{[3]float32{float32(math.E) - 1, 12}, [3]float32{1, 1, 1}},
		{[3]float32{1 - float32(math.E), 10}, [3]float32{-1, 0, 0.5}},
		{[3]float32{0, -1e30}, [3]float32{0, -4, 0}},
		{[3]float32{-math.MaxFloat32, 3e38}, [3]float32{-4, 4, 1}},
	} {
		var got [3]float32
		p.Apply(c.x[:2], got[:])
		for i := range got {
			if math.Abs(float64(got[i]-c.want[i])) > 1e-6 {
				t.Errorf("Apply(%v) = %v, want %v", c.x[:2], got, c.want)
			}
		}
	}
}

func TestRatiosAreDifferencesOfSignedLogarithms(t *testing.T) {
	p := Preparation{SignedLog: []bool{false, true}, Ratios: []Ratio{{0, 1}}, Mean: []float32{0, 0, 1}, Scale: []float32{1, 1, 2}, Clip: 30}
	out := make([]float32, p.Width())
	p.Apply([]float32{7, 1}, out) // log(8) - log(2) = log(4)
	if want := float32(2 * (math.Log(4) - 1)); len(out) != 3 || math.Abs(float64(out[2]-want)) > 1e-6 {
		t.Errorf("prepared %v, want a third value of %v", out, want)
	}
	p.Ratios[0].Under = 2
	if p.validate(2) == nil {
		t.Error("a ratio of a feature that there is not was accepted")
	}
}

func TestQuantileBinsHoldEquallyManyRowsAndMeltEqualEdges(t *testing.T) {
	sorted := []float64{0, 0, 0, 0, 0, 1, 2, 3, 4}
	got := quantileBins(2, sorted, Config{Bins: 4}.edges())
	want := []Bin{{2, 0, 0.5}, {2, 2, 0.5}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("bins %v, want %v", got, want)
	}
}

func TestTrainingWeightsBalanceTheClassesAsConfigured(t *testing.T) {
	rows := generated(1, 500)
	world := classWeights(rows, rows.worldWeights(Config{NegativeWeight: 12}))
	for _, c := range []struct {
		cfg  Config
		want float64 // weight of all positive rows for one of the negative ones
	}{
		{Config{NegativeWeight: 12}, world},
		{Config{NegativeWeight: 12, ClassWeight: ClassWeightBalanced}, 1},
		{Config{NegativeWeight: 12, PositiveWeight: 5}, 5 * world},
	} {
		weights := rows.trainingWeights(c.cfg.withDefaults())
		total := 0.0
		for _, w := range weights {
			total += float64(w)
		}
		if math.Abs(total-500) > 1e-2 {
			t.Errorf("%+v: weights add up to %v, want the number of rows, 500", c.cfg, total)
		}
		if got := classWeights(rows, weights); math.Abs(got-c.want) > 1e-5*c.want {
			t.Errorf("%+v: positive rows weigh %v of the negative ones, want %v", c.cfg, got, c.want)
		}
	}
}

func classWeights(rows Rows, weights []float32) float64 { return math.Exp(logOdds(rows.Y, weights)) }

func prepareAll(p *Preparation, x []float32, n int) []float32 {
	f, width := len(p.SignedLog), p.Width()
	prepared := make([]float32, n*width)
	for i := range n {
		p.Apply(x[i*f:(i+1)*f], prepared[i*width:(i+1)*width])
	}
	return prepared
}

func TestEveryKernelPreparesToTheSameBits(t *testing.T) {
	for _, p := range []*Preparation{&binned(1, 9).Preparation, &binned(1, 16).Preparation, &untrained(7, 1).Preparation} {
		f, width := len(p.SignedLog), p.Width()
		x, e := randomRows(50, f), newEncoder(p)
		want := prepareAll(p, x, 50)
		for _, k := range kernels() {
			standardised := standardiseAll(k, p, x, 50)
			for row := range 50 {
				for _, part := range [][2]int{{0, width}, {3, width - 1}, {f, f + 1}, {width - 3, e.stride}, {0, 5}} {
					got := make([]float32, part[1]-part[0]+slack)
					e.encode(k, e.span(part[0], part[1]), standardised[row*f:(row+1)*f], got)
					for i := part[0]; i < min(part[1], width); i++ {
						if got[i-part[0]] != want[row*width+i] {
							t.Fatalf("%s: value %d of row %d is %v, want %v", k.name, i, row, got[i-part[0]], want[row*width+i])
						}
					}
				}
			}
		}
	}
}
