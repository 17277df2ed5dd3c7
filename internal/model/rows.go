package model

import (
	"fmt"
	"math"
)

// Rows are examples, flat: X is [N, F] row-major, Y the labels (0 or 1), W what a row stands for in the world (nil: see
// Config.NegativeWeight). The slices are only read.
type Rows struct {
	X []float32
	Y []float32
	W []float32
	F int
}

// Len is the number of rows.
func (r Rows) Len() int { return len(r.Y) }

func (r Rows) validate(name string, features int) error {
	refuse := func(format string, values ...any) error {
		return fmt.Errorf(name+" rows: "+format+": %w", append(values, ErrInvalid)...)
	}
	if r.F != features || features == 0 {
		return refuse("%d columns for %d feature names", r.F, features)
	}
	if len(r.X) != len(r.Y)*r.F || (r.W != nil && len(r.W) != len(r.Y)) {
		return refuse("%d values and %d weights for %d labels of %d columns", len(r.X), len(r.W), len(r.Y), r.F)
	}
	if !finite(r.X) {
		return refuse("a value is not finite")
	}
	positives := 0
	for i, y := range r.Y {
		if y != 0 && y != 1 {
			return refuse("label %d is %v, want 0 or 1", i, y)
		}
		if r.W != nil && !within(float64(r.W[i]), 1e-9, 1e9) {
			return refuse("weight %d is %v, want a positive number", i, r.W[i])
		}
		positives += int(y)
	}
	if positives == 0 || positives == len(r.Y) {
		return refuse("%d of %d are positive; there must be some of both classes", positives, len(r.Y))
	}
	return nil
}

// draw is how many of the negative rows an epoch takes: at least one.
func (r Rows) draw(cfg Config) (negatives, drawn int) {
	for _, y := range r.Y {
		negatives += int(1 - y)
	}
	return negatives, max(1, int(math.Round(cfg.NegativeShare*float64(negatives))))
}

// worldWeights are the weights that metrics use.
func (r Rows) worldWeights(cfg Config) []float32 {
	if r.W != nil {
		return r.W
	}
	weights := make([]float32, r.Len())
	for i, y := range r.Y {
		weights[i] = 1
		if y == 0 {
			weights[i] = float32(cfg.NegativeWeight)
		}
	}
	return weights
}

// trainingWeights are the world weights with the classes weighted as configured, and those of negative rows raised by as much as
// fewer of them are drawn; scaled to a mean of 1 over the rows of an epoch, so that the learning rate means the same whatever the weights
// are.
func (r Rows) trainingWeights(cfg Config) []float32 {
	world := r.worldWeights(cfg)
	var total, positive float64
	for i, w := range world {
		total += float64(w)
		positive += float64(w) * float64(r.Y[i])
	}
	factor := cfg.PositiveWeight
	if cfg.ClassWeight == ClassWeightBalanced {
		factor = (total - positive) / positive
	}
	negatives, drawn := r.draw(cfg)
	scale := float64(r.Len()-negatives+drawn) / (total + (factor-1)*positive)
	raise := float64(negatives) / float64(drawn)
	weights := make([]float32, len(world))
	for i, w := range world {
		weights[i] = float32(float64(w) * scale * raise)
		if r.Y[i] == 1 {
			weights[i] = float32(float64(w) * scale * factor)
		}
	}
	return weights
}
