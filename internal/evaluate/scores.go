package evaluate

import (
	"errors"
	"fmt"
	"math"
)

var (
	// ErrNoRows is returned when there is nothing to evaluate.
	ErrNoRows = errors.New("no rows of positive weight")
	// ErrOneClass is returned when all rows of positive weight carry the same label: ranking metrics have no value then.
	ErrOneClass = errors.New("all rows have the same label")
	// ErrUnattainable is returned when no threshold satisfies a policy.
	ErrUnattainable = errors.New("no threshold satisfies the policy")
)

// Scores are a model's answers on labelled rows: three parallel columns.
type Scores struct {
	Probability []float64 // of the positive class, in [0, 1]
	Label       []bool    // true = positive
	Weight      []float64 // how many rows of the world each row stands for, >= 0; nil = one each
}

// Len is the number of rows.
func (s Scores) Len() int { return len(s.Probability) }

// Check tells whether the columns fit together, every probability is in [0, 1], every weight is finite and not negative,
// and both classes are present with some weight. Everything in this package that takes Scores checks them first.
func (s Scores) Check() error {
	if len(s.Label) != len(s.Probability) {
		return fmt.Errorf("check scores: %d probabilities but %d labels", len(s.Probability), len(s.Label))
	}
	if s.Weight != nil && len(s.Weight) != len(s.Probability) {
		return fmt.Errorf("check scores: %d probabilities but %d weights", len(s.Probability), len(s.Weight))
	}
	var weight [2]float64
	for i, p := range s.Probability {
		if !(p >= 0 && p <= 1) { // also false for NaN
			return fmt.Errorf("check scores: row %d: probability %v is not in [0, 1]", i, p)
		}
		w := s.weight(i)
		if !(w >= 0) || math.IsInf(w, 0) {
			return fmt.Errorf("check scores: row %d: weight %v is not a finite number >= 0", i, w)
		}
		weight[class(s.Label[i])] += w
	}
	switch total := weight[0] + weight[1]; {
	case total == 0:
		return fmt.Errorf("check scores: %w", ErrNoRows)
	case math.IsInf(total, 0):
		return errors.New("check scores: the weights sum to infinity")
	case weight[0] == 0 || weight[1] == 0:
		return fmt.Errorf("check scores: %w: %d rows, positive weight %v of %v", ErrOneClass, s.Len(), weight[1], total)
	}
	return nil
}

func (s Scores) weight(i int) float64 {
	if s.Weight == nil {
		return 1
	}
	return s.Weight[i]
}

func class(label bool) int {
	if label {
		return 1
	}
	return 0
}
