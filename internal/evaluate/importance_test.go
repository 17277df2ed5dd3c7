package evaluate

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestOnlyFeaturesThatTheModelLooksAtAreImportant(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	const rows = 2000
	x, truth := make([]float32, 3*rows), Scores{Label: make([]bool, rows)}
	for i := range rows {
		for f := range 3 {
			x[3*i+f] = random.Float32()
		}
		truth.Label[i] = 0.8*x[3*i+2]+0.2*x[3*i] > 0.9
	}
	before := slices.Clone(x)
	model := func(x []float32) []float64 {
		p := make([]float64, len(x)/3)
		for i := range p {
			p[i] = float64(0.8*x[3*i+2] + 0.2*x[3*i])
		}
		return p
	}
	got, err := Permute([]string{"little", "nothing", "much"}, x, truth, model, 1)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, it := range got {
		names = append(names, it.Feature)
		if it.Low > it.Drop || it.Drop > it.High {
			t.Errorf("%+v: the mean lies outside", it)
		}
	}
	if !slices.Equal(names, []string{"much", "little", "nothing"}) || got[2].Drop != 0 || got[0].Drop < 1.2*got[1].Drop || got[1].Drop <= 0 {
		t.Errorf("got %+v", got)
	}
	if !slices.Equal(x, before) {
		t.Error("the rows were changed")
	}
}
