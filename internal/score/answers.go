package score

import (
	"fmt"
	"math"
	"slices"

	"temporal-streaming/internal/model"
	"temporal-streaming/internal/record"
)

// scorer is the model's part of an engine: a *model.Scorer, or in tests one whose answers are known.
type scorer interface {
	// Score writes the probabilities of the first n rows of x, [n, F] row-major, to out[:n].
	Score(x []float32, n int, out []float32)
}

// answers are the model's, for the rows of one batch.
type answers struct {
	scorer        scorer
	atOnce        int       // rows
	vectors       []float32 // [atOnce, F] row-major
	probabilities []float32 // by row
	infinite      []bool    // by row: a feature has no finite value
}

func newAnswers(m *model.Model, width, atOnce int) answers {
	return answers{scorer: model.NewScorer(m, atOnce), atOnce: atOnce, vectors: make([]float32, atOnce*width)}
}

// compute asks the model about n rows. vector writes the features of one, and tells whether they are finite.
func (a *answers) compute(n int, vector func(row int, to []float32) (finite bool)) {
	a.probabilities = slices.Grow(a.probabilities[:0], n)[:n]
	a.infinite = slices.Grow(a.infinite[:0], n)[:n]
	width := len(a.vectors) / a.atOnce
	for from := 0; from < n; from += a.atOnce {
		size := min(a.atOnce, n-from)
		for i := range size {
			to := a.vectors[i*width : (i+1)*width]
			finite := vector(from+i, to)
			a.infinite[from+i] = !finite
			if !finite {
				clear(to)
			}
		}
		a.scorer.Score(a.vectors, size, a.probabilities[from:from+size])
	}
}

// check refuses a message of n rows, from first on, if one has no finite answer.
func (a *answers) check(first, n int) *record.Reject {
	for row := range n {
		if a.infinite[first+row] {
			return &record.Reject{Reason: NotScorable, Detail: fmt.Sprintf("a feature of row %d is not finite in float32", row)}
		}
		if v := float64(a.probabilities[first+row]); math.IsNaN(v) || math.IsInf(v, 0) {
			return &record.Reject{Reason: NotScorable, Detail: fmt.Sprintf("the model's probability of row %d is not finite", row)}
		}
	}
	return nil
}
