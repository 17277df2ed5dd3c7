package evaluate

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Importance is how much average precision a model loses when one feature's values are shuffled among the rows: what it can no longer
// tell apart without it (Breiman, "Random Forests", 2001). Features that tell nearly the same, such as one aggregate over several
// windows, stand in for one another, and each looks less important than all of them are.
type Importance struct {
	Feature string  `json:"feature"`
	Drop    float64 `json:"average_precision_lost"` // mean over shuffles
	Low     float64 `json:"least"`                  // of the shuffles
	High    float64 `json:"most"`
}

// shuffles is how often each feature is shuffled.
const shuffles = 3

// Permute measures the importance of each feature, the most important first. x is [N, F] row-major and is left as it was; score is the
// model, and takes such a matrix. labels and weights are those of the rows in truth, whose probabilities are ignored.
func Permute(names []string, x []float32, truth Scores, score func(x []float32) []float64, seed uint64) ([]Importance, error) {
	fail := func(err error) ([]Importance, error) { return nil, fmt.Errorf("permutation importance: %w", err) }
	width, rows := len(names), len(truth.Label)
	if len(x) != rows*width || width == 0 {
		return fail(fmt.Errorf("%d values for %d rows of %d features", len(x), rows, width))
	}
	measure := func(x []float32) (float64, error) {
		s := Scores{Probability: score(x), Label: truth.Label, Weight: truth.Weight}
		if err := s.Check(); err != nil {
			return 0, err
		}
		return rank(s).averagePrecision(), nil
	}
	whole, err := measure(x)
	if err != nil {
		return fail(err)
	}
	mixed := slices.Clone(x)
	list := make([]Importance, width)
	for f, name := range names {
		var lost [shuffles]float64
		for k := range lost {
			random := rand.New(rand.NewPCG(seed, uint64(f)<<8|uint64(k)))
			for to, from := range random.Perm(rows) {
				mixed[to*width+f] = x[from*width+f]
			}
			ap, err := measure(mixed)
			if err != nil {
				return fail(err)
			}
			lost[k] = whole - ap
			list[f].Drop += lost[k] / shuffles
		}
		for i := range rows {
			mixed[i*width+f] = x[i*width+f]
		}
		list[f].Feature, list[f].Low, list[f].High = name, slices.Min(lost[:]), slices.Max(lost[:])
	}
	slices.SortStableFunc(list, func(a, b Importance) int {
		switch {
		case a.Drop > b.Drop:
			return -1
		case a.Drop < b.Drop:
			return 1
		}
		return 0
	})
	return list, nil
}
