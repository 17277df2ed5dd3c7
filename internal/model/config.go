package model

import (
	"fmt"
	"math"
)

// Config says what network to train and how. The zero value is a sound start for some ten thousand rows.
type Config struct {
	Hidden  []int // units of the hidden layers; default 64, 64
	Linear  bool  // no hidden layers: logistic regression on the prepared inputs; Hidden must be empty
	Members int   // networks trained with seeds of their own, averaged; default 3

	SignedLog []bool  // per feature: replace x by sign(x)*log(1+|x|) first; nil means none
	Ratios    []Ratio // further inputs of two features each, see Preparation
	Clip      float32 // standardised values are cut off at +-Clip; default 30
	Bins      int     // piecewise-linear encoding: intervals per feature between training quantiles; default 0, no encoding

	// TailQuantiles are further edges of that encoding, rising, between the last but one of the Bins and 1: what is rare about a
	// fraud lies in the tail, where intervals of equally many rows see nothing. Only together with Bins.
	TailQuantiles []float64

	Epochs       int     // most epochs per member; the learning rate falls to 0 over them; default 40
	Batch        int     // rows per step; default 256
	LearningRate float64 // default 2e-3
	WeightDecay  float64 // decoupled, on weights only, times the learning rate; default 0
	Dropout      float64 // share of hidden units dropped while training; default 0
	Patience     int     // epochs without a better validation score before a member stops; default Epochs, never early
	Stop         string  // "early" (default): Patience counts, and the best epoch is kept; "never": all Epochs, and the last is kept
	Seed         int64   // of everything random; default 0 is a seed like any other

	ClassWeight    string  // "none" (default): rows weigh what Rows.W says; "balanced": then both classes are made equally heavy
	PositiveWeight float64 // how many times its weight a positive row counts in training; default 1; not together with "balanced"
	NegativeWeight float64 // weight of a negative row where Rows.W is nil; a positive one weighs 1; default 1

	// NegativeShare of the negative rows, drawn anew for each epoch, is trained on beside all positive ones, and weighs so much
	// more that the sum stays. Default 1, all of them.
	NegativeShare float64
	FocalGamma    float64 // focal loss: rows that are judged well weigh (1-p)^gamma; default 0, cross-entropy
}

// The values of Config.ClassWeight.
const (
	ClassWeightNone     = "none"
	ClassWeightBalanced = "balanced"
)

// The values of Config.Stop.
const (
	StopEarly = "early"
	StopNever = "never"
)

func (c Config) withDefaults() Config {
	if len(c.Hidden) == 0 && !c.Linear {
		c.Hidden = []int{64, 64}
	}
	if c.Members == 0 {
		c.Members = 3
	}
	if c.Clip == 0 {
		c.Clip = 30
	}
	if c.Epochs == 0 {
		c.Epochs = 40
	}
	if c.Batch == 0 {
		c.Batch = 256
	}
	if c.LearningRate == 0 {
		c.LearningRate = 2e-3
	}
	if c.Patience == 0 {
		c.Patience = c.Epochs
	}
	if c.Stop == "" {
		c.Stop = StopEarly
	}
	if c.NegativeShare == 0 {
		c.NegativeShare = 1
	}
	if c.ClassWeight == "" {
		c.ClassWeight = ClassWeightNone
	}
	if c.PositiveWeight == 0 {
		c.PositiveWeight = 1
	}
	if c.NegativeWeight == 0 {
		c.NegativeWeight = 1
	}
	return c
}

func (c Config) validate(features int) error {
	refuse := func(format string, values ...any) error {
		return fmt.Errorf("model configuration: "+format+": %w", append(values, ErrInvalid)...)
	}
	if len(c.Hidden) >= maxLayers {
		return refuse("hidden has %d layers, want fewer than %d", len(c.Hidden), maxLayers)
	}
	for _, units := range c.Hidden {
		if units < 1 || units > maxUnits {
			return refuse("hidden has a layer of %d units, want 1 to %d", units, maxUnits)
		}
	}
	switch {
	case c.Linear && len(c.Hidden) > 0:
		return refuse("it is linear and has %d hidden layers", len(c.Hidden))
	case c.Members < 1 || c.Members > maxMembers:
		return refuse("members is %d, want 1 to %d", c.Members, maxMembers)
	case c.SignedLog != nil && len(c.SignedLog) != features:
		return refuse("signed log names %d features where there are %d", len(c.SignedLog), features)
	case len(c.Ratios) > maxFeatures || !ratiosOf(c.Ratios, features):
		return refuse("ratios are %v, want pairs of two of the %d features", c.Ratios, features)
	case !within(float64(c.Clip), 0.5, 1e6):
		return refuse("clip is %v, want 0.5 to 1e6 standard deviations", c.Clip)
	case c.Bins < 0 || (c.Bins+len(c.TailQuantiles))*(features+len(c.Ratios)) > maxBins:
		return refuse("bins is %d and there are %d tail quantiles, want 0 to %d together for %d features", c.Bins, len(c.TailQuantiles), maxBins/features, features)
	case !c.tailsRise():
		return refuse("tail quantiles are %v, want rising ones above 1 - 1/bins and below 1, and only with bins", c.TailQuantiles)
	case c.Epochs < 1 || c.Epochs > 100_000:
		return refuse("epochs is %d, want 1 to 100000", c.Epochs)
	case c.Batch < 1 || c.Batch > 1<<16:
		return refuse("batch is %d, want 1 to %d", c.Batch, 1<<16)
	case !within(c.LearningRate, 1e-9, 10):
		return refuse("learning rate is %v, want 1e-9 to 10", c.LearningRate)
	case !within(c.WeightDecay, 0, 100):
		return refuse("weight decay is %v, want 0 to 100", c.WeightDecay)
	case !within(c.Dropout, 0, 0.95):
		return refuse("dropout is %v, want 0 to 0.95", c.Dropout)
	case c.Patience < 1:
		return refuse("patience is %d, want at least 1 epoch", c.Patience)
	case c.Stop != StopEarly && c.Stop != StopNever:
		return refuse("stop is %q, want %q or %q", c.Stop, StopEarly, StopNever)
	case !within(c.NegativeShare, 1e-4, 1):
		return refuse("negative share is %v, want 1e-4 to 1", c.NegativeShare)
	case !within(c.FocalGamma, 0, 10):
		return refuse("focal gamma is %v, want 0 to 10", c.FocalGamma)
	case c.ClassWeight != ClassWeightNone && c.ClassWeight != ClassWeightBalanced:
		return refuse("class weight is %q, want %q or %q", c.ClassWeight, ClassWeightNone, ClassWeightBalanced)
	case !within(c.PositiveWeight, 1e-6, 1e6):
		return refuse("positive weight is %v, want 1e-6 to 1e6", c.PositiveWeight)
	case c.PositiveWeight != 1 && c.ClassWeight == ClassWeightBalanced:
		return refuse("positive weight is %v, but class weight %q already sets it; leave one of them out", c.PositiveWeight, c.ClassWeight)
	case !within(c.NegativeWeight, 1e-6, 1e6):
		return refuse("negative weight is %v, want 1e-6 to 1e6", c.NegativeWeight)
	}
	return nil
}

// tailsRise says whether the tail quantiles make edges above those of the bins.
func (c Config) tailsRise() bool {
	if len(c.TailQuantiles) == 0 {
		return true
	}
	if c.Bins == 0 {
		return false
	}
	low := 1 - 1/float64(c.Bins)
	for _, q := range c.TailQuantiles {
		if !(q > low && q < 1) {
			return false
		}
		low = q
	}
	return true
}

func within(v, low, high float64) bool { return !math.IsNaN(v) && v >= low && v <= high }
