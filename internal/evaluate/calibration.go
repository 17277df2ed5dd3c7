package evaluate

import (
	"math"
	"slices"
)

// calibrationBinCount bins make the calibration table of a report.
const calibrationBinCount = 10

// CalibrationBin compares what was predicted with what happened for rows of similar probability.
type CalibrationBin struct {
	Low       float64 `json:"low"`  // lowest probability in the bin
	High      float64 `json:"high"` // highest probability in the bin
	Rows      int     `json:"rows"`
	Positives int     `json:"positive_rows"`
	Weight    float64 `json:"weight"`
	Predicted float64 `json:"predicted"` // weighted mean probability
	Observed  float64 `json:"observed"`  // weighted share of positives

	// A 95 % interval of Observed: Wilson's, for Kish's effective number of rows (sum w)^2 / sum w^2.
	ObservedLow  float64 `json:"observed_low"`
	ObservedHigh float64 `json:"observed_high"`
}

// calibrationBins divides the rows, ordered by probability, into at most n bins of about equal weight. Rows of equal
// probability stay together, in the bin that the middle of their weight falls into; bins that nothing falls into are
// left out, so there may be fewer than n.
func calibrationBins(s Scores, n int) []CalibrationBin {
	return binBy(s, n, func(_, weight float64) float64 { return weight })
}

// calibrationError is the expected calibration error: the mean over bins of |observed - predicted|, by weight.
func calibrationError(bins []CalibrationBin) float64 {
	var sum, total float64
	for _, b := range bins {
		d := b.Observed - b.Predicted
		sum += b.Weight * max(d, -d)
		total += b.Weight
	}
	return sum / total
}

// binBy orders rows by probability and cuts them into at most n bins that hold about equal sums of measure.
func binBy(s Scores, n int, measure func(probability, weight float64) float64) []CalibrationBin {
	groups := ties(s)
	slices.Reverse(groups) // rising probability
	sums := make([]float64, len(groups))
	var total float64
	for g, rows := range groups {
		for _, i := range rows {
			sums[g] += measure(s.Probability[i], s.weight(i))
		}
		total += sums[g]
	}
	var bins []CalibrationBin
	var members []int
	last, before := 0, 0.0
	for g, rows := range groups {
		k := 0
		if total > 0 {
			k = min(int((before+sums[g]/2)/total*float64(n)), n-1)
		}
		if k != last && len(members) > 0 {
			bins, members = append(bins, summarise(s, members)), nil
		}
		last, before = k, before+sums[g]
		members = append(members, rows...)
	}
	return append(bins, summarise(s, members))
}

// summarise makes a bin of rows that are in rising order of probability.
func summarise(s Scores, rows []int) CalibrationBin {
	b := CalibrationBin{Low: s.Probability[rows[0]], High: s.Probability[rows[len(rows)-1]], Rows: len(rows)}
	var squares float64
	for _, i := range rows {
		w := s.weight(i)
		b.Weight += w
		squares += w * w
		b.Predicted += w * s.Probability[i]
		if s.Label[i] {
			b.Positives++
			b.Observed += w
		}
	}
	b.Predicted /= b.Weight
	b.Observed /= b.Weight
	b.ObservedLow, b.ObservedHigh = wilson(b.Observed, b.Weight/squares*b.Weight)
	return b
}

// wilson is the 95 % score interval of a share seen in n trials.
func wilson(share, n float64) (low, high float64) {
	const z = 1.959963984540054
	middle := (share + z*z/(2*n)) / (1 + z*z/n)
	reach := z / (1 + z*z/n) * math.Sqrt(share*(1-share)/n+z*z/(4*n*n))
	return max(0, min(middle-reach, share)), min(1, max(middle+reach, share)) // rounding may not leave the share outside
}
