package evaluate

import (
	"fmt"
	"math"
)

const (
	maxCurvePoints    = 1000
	histogramBinCount = 50
)

// Curves are the points behind the pictures of one model on one set of rows, few enough to be read as a table.
type Curves struct {
	ROC             []ROCPoint       `json:"roc"`              // in falling order of threshold; the origin is not listed
	PrecisionRecall []PRPoint        `json:"precision_recall"` // in falling order of threshold
	Histogram       []HistogramBin   `json:"histogram"`        // 50 bins over [0, 1]
	Calibration     []CalibrationBin `json:"calibration"`      // 10 bins of equal expected positives, which resolve the rare end
}

// ROCPoint is what a threshold gives: the share of negatives and of positives at or above it.
type ROCPoint struct {
	Threshold         float64 `json:"threshold"`
	FalsePositiveRate float64 `json:"false_positive_rate"`
	TruePositiveRate  float64 `json:"true_positive_rate"`
}

// PRPoint is what a threshold gives: precision and recall of what is at or above it.
type PRPoint struct {
	Threshold float64 `json:"threshold"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
}

// HistogramBin counts rows with a probability in [Low, High), the last bin also those at High. These are plain rows, not weights.
type HistogramBin struct {
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	Positives int     `json:"positive_rows"`
	Negatives int     `json:"negative_rows"`
}

// NewCurves computes the curves. ROC and precision-recall are thinned to at most 1000 points: a point closer to the last
// one kept than a small distance (at first 1/500 of an axis) is left out, so no curve moves by more than that; the first
// and the last point always stay.
func NewCurves(s Scores) (Curves, error) {
	if err := s.Check(); err != nil {
		return Curves{}, fmt.Errorf("make curves: %w", err)
	}
	r := rank(s)
	roc := func(p step) (x, y float64) { return p.falsePositive / r.negatives, r.recall(p) }
	pr := func(p step) (x, y float64) { return r.recall(p), p.precision() }

	var c Curves
	for _, p := range thin(r.steps, roc) {
		x, y := roc(p)
		c.ROC = append(c.ROC, ROCPoint{Threshold: p.threshold, FalsePositiveRate: x, TruePositiveRate: y})
	}
	for _, p := range thin(r.steps, pr) {
		x, y := pr(p)
		c.PrecisionRecall = append(c.PrecisionRecall, PRPoint{Threshold: p.threshold, Precision: y, Recall: x})
	}
	c.Histogram = histogram(s)
	c.Calibration = binBy(s, calibrationBinCount, func(p, w float64) float64 { return p * w })
	return c, nil
}

func thin(steps []step, at func(step) (x, y float64)) []step {
	for distance := 1.0 / 500; ; distance *= 2 {
		kept := []step{steps[0]}
		lastX, lastY := at(steps[0])
		for i, s := range steps[1:] {
			x, y := at(s)
			if i+2 < len(steps) && math.Abs(x-lastX) < distance && math.Abs(y-lastY) < distance {
				continue
			}
			kept, lastX, lastY = append(kept, s), x, y
		}
		if len(kept) <= maxCurvePoints {
			return kept
		}
	}
}

func histogram(s Scores) []HistogramBin {
	bins := make([]HistogramBin, histogramBinCount)
	for i := range bins {
		bins[i].Low = float64(i) / histogramBinCount
		bins[i].High = float64(i+1) / histogramBinCount
	}
	for i, p := range s.Probability {
		b := &bins[min(int(p*histogramBinCount), histogramBinCount-1)]
		if s.Label[i] {
			b.Positives++
		} else {
			b.Negatives++
		}
	}
	return bins
}
