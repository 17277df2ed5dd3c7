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
// and, after these F values, one value per bin: clip((v[Column] - Low) * Slope, 0, 1), a piecewise-linear encoding by quantiles
// (Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning", 2022). The arithmetic is written in
// exactly this order everywhere, in the exported graph too, so that all readers round alike.
type Preparation struct {
	SignedLog []bool
	Mean      []float32
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

// standardise computes the first values of a prepared row, one per feature.
func (p *Preparation) standardise(k *kernel, x, out []float32) {
	k.standardise(x[:len(p.Mean)], p.Mean, p.Scale, p.Clip, out)
	for j, logarithmic := range p.SignedLog {
		if logarithmic {
			p.logarithmic(j, x, out)
		}
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
	p := Preparation{
		SignedLog: make([]bool, rows.F), Mean: make([]float32, rows.F), Scale: make([]float32, rows.F), Clip: cfg.Clip,
	}
	copy(p.SignedLog, cfg.SignedLog)
	n := rows.Len()
	column := make([]float64, n)
	for j := range rows.F {
		for i := range n {
			v := rows.X[i*rows.F+j]
			if p.SignedLog[j] {
				v = signedLog(v)
			}
			column[i] = float64(v)
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
	if len(p.SignedLog) != features || len(p.Mean) != features || len(p.Scale) != features {
		return refuse("%d, %d and %d columns where there are %d features", len(p.SignedLog), len(p.Mean), len(p.Scale), features)
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
		if b.Column < 0 || b.Column >= features || !within(float64(b.Low), -1e6, 1e6) || !within(float64(b.Slope), minScale, maxScale) {
			return refuse("bin %d is not an interval of a column", i)
		}
	}
	return nil
}
