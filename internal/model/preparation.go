package model

import (
	"fmt"
	"math"
	"slices"
)

// Preparation turns a raw row into the inputs of the networks. For feature j, all in float32:
//
//	v = sign(x)*log(1+|x|) where SignedLog[j], else x
//	v = clip((v - Mean[j]) * Scale[j], -Clip, Clip)
//
// after these F values, one for each of the Ratios, standardised alike: log(1+|a|) - log(1+|b|) of its two features, both with the
// sign of the feature. What a product of two inputs says, sums of them cannot.
// And, after these, one value per bin: clip((v[Column] - Low) * Slope, 0, 1), a piecewise-linear encoding by quantiles
// (Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning", 2022). The arithmetic is written in
// exactly this order everywhere, in the exported graph too, so that all readers round alike.
type Preparation struct {
	SignedLog []bool
	Ratios    []Ratio
	Mean      []float32 // of the features, and then of the ratios
	Scale     []float32 // 1 / standard deviation; 1 for a constant column
	Clip      float32
	Bins      []Bin
}

// A factor outside these would not survive float32: some processors flush what is smaller to 0, and infinity times 0 is no number.
const (
	minScale = 1e-30
	maxScale = 1e30
)

// constantBelow is the deviation, as a share of the mean, below which a column is constant: float32 has 24 bits, and the mean of equal
// values is not exactly their value.
const constantBelow = 1e-6

// Ratio is one feature over another, as the difference of their signed logarithms.
type Ratio struct{ Over, Under int }

func (r Ratio) of(x []float32) float32 { return signedLog(x[r.Over]) - signedLog(x[r.Under]) }

// ratiosOf says whether all are of two different features.
func ratiosOf(ratios []Ratio, features int) bool {
	for _, r := range ratios {
		if r.Over < 0 || r.Under < 0 || r.Over >= features || r.Under >= features || r.Over == r.Under {
			return false
		}
	}
	return true
}

// Bin is one interval of the encoding, on the standardised value of a column.
type Bin struct {
	Column int
	Low    float32
	Slope  float32 // 1 / width
}

// Width is the number of values a prepared row has.
func (p *Preparation) Width() int { return len(p.Mean) + len(p.Bins) }

// Apply prepares the row x into out, which must hold Width values. It does not allocate.
func (p *Preparation) Apply(x, out []float32) {
	n := len(p.Mean)
	p.standardise(portable, x, out[:n])
	for i, b := range p.Bins {
		out[n+i] = min(max((out[b.Column]-b.Low)*b.Slope, 0), 1)
	}
}

var portable = portableKernel()

// standardise computes the first values of a prepared row, one per feature and ratio.
func (p *Preparation) standardise(k *kernel, x, out []float32) {
	f := len(p.SignedLog)
	k.standardise(x[:f], p.Mean[:f], p.Scale[:f], p.Clip, out[:f])
	p.ratios(x, out)
	for j, logarithmic := range p.SignedLog {
		if logarithmic {
			p.logarithmic(j, x, out)
		}
	}
}

// ratios computes the values of the ratios.
func (p *Preparation) ratios(x, out []float32) {
	f := len(p.SignedLog)
	for i, r := range p.Ratios {
		out[f+i] = min(max((r.of(x)-p.Mean[f+i])*p.Scale[f+i], -p.Clip), p.Clip)
	}
}

// logarithmic computes one value of a column with a signed logarithm.
func (p *Preparation) logarithmic(j int, x, out []float32) {
	out[j] = min(max((signedLog(x[j])-p.Mean[j])*p.Scale[j], -p.Clip), p.Clip)
}

func signedLog(x float32) float32 {
	if x < 0 {
		return -float32(logarithm(float64(1 - x)))
	}
	return float32(logarithm(float64(1 + x)))
}

// fitPreparation looks at the training rows only.
func fitPreparation(rows Rows, cfg Config) Preparation {
	columns := rows.F + len(cfg.Ratios)
	p := Preparation{
		SignedLog: make([]bool, rows.F), Ratios: cfg.Ratios, Mean: make([]float32, columns), Scale: make([]float32, columns), Clip: cfg.Clip,
	}
	copy(p.SignedLog, cfg.SignedLog)
	n := rows.Len()
	column := make([]float64, n)
	for j := range columns {
		for i := range n {
			column[i] = float64(p.raw(rows.X[i*rows.F:(i+1)*rows.F], j))
		}
		mean, deviation := moments(column)
		p.Mean[j], p.Scale[j] = float32(mean), 1
		if s := 1 / deviation; deviation > constantBelow*math.Abs(mean) && within(s, minScale, maxScale) {
			p.Scale[j] = float32(s)
		}
		if cfg.Bins > 0 {
			for i, v := range column {
				column[i] = float64(min(max((float32(v)-p.Mean[j])*p.Scale[j], -p.Clip), p.Clip))
			}
			slices.Sort(column)
			p.Bins = append(p.Bins, quantileBins(j, column, cfg.edges())...)
		}
	}
	return p
}

// raw is a column before it is standardised.
func (p *Preparation) raw(x []float32, j int) float32 {
	switch {
	case j >= len(x):
		return p.Ratios[j-len(x)].of(x)
	case p.SignedLog[j]:
		return signedLog(x[j])
	}
	return x[j]
}

// moments are the mean and the population standard deviation, in two passes because one pass cancels.
func moments(column []float64) (mean, deviation float64) {
	n := float64(len(column))
	for _, v := range column {
		mean += v / n
	}
	for _, v := range column {
		deviation += (v - mean) * (v - mean) / n
	}
	return mean, math.Sqrt(deviation)
}

// edges are the quantiles that bound the bins, but for the lowest, 0.
func (c Config) edges() []float64 {
	var edges []float64
	for k := 1; k < c.Bins; k++ {
		edges = append(edges, float64(k)/float64(c.Bins))
	}
	return append(append(edges, c.TailQuantiles...), 1)
}

// quantileBins cuts a sorted column into intervals at these quantiles; equal edges melt into one.
func quantileBins(column int, sorted []float64, edges []float64) []Bin {
	var bins []Bin
	low := float32(sorted[0])
	for _, q := range edges {
		high := float32(sorted[int(float64(len(sorted)-1)*q)])
		if slope := 1 / (high - low); within(float64(slope), minScale, maxScale) {
			bins = append(bins, Bin{Column: column, Low: low, Slope: slope})
			low = high
		}
	}
	return bins
}

func (p *Preparation) validate(features int) error {
	refuse := func(format string, values ...any) error {
		return fmt.Errorf("preparation: "+format+": %w", append(values, ErrInvalid)...)
	}
	columns := features + len(p.Ratios)
	if len(p.SignedLog) != features || len(p.Mean) != columns || len(p.Scale) != columns {
		return refuse("%d, %d and %d columns where there are %d features and %d ratios", len(p.SignedLog), len(p.Mean), len(p.Scale), features, len(p.Ratios))
	}
	if len(p.Ratios) > maxFeatures || !ratiosOf(p.Ratios, features) {
		return refuse("its ratios are not of two features each")
	}
	if !finite(p.Mean) || !within(float64(p.Clip), 0.5, 1e6) {
		return refuse("a mean or the clip is not a finite number of its range")
	}
	for j, s := range p.Scale {
		if !within(float64(s), minScale, maxScale) {
			return refuse("the scale of feature %d is %v, want %v to %v", j, s, minScale, maxScale)
		}
	}
	if len(p.Bins) > maxBins {
		return refuse("%d bins, want at most %d", len(p.Bins), maxBins)
	}
	for i, b := range p.Bins {
		if b.Column < 0 || b.Column >= columns || !within(float64(b.Low), -1e6, 1e6) || !within(float64(b.Slope), minScale, maxScale) {
			return refuse("bin %d is not an interval of a column", i)
		}
	}
	return nil
}
