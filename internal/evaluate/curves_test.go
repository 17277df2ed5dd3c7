package evaluate

import (
	"math"
	"testing"
)

func TestThinnedCurvesKeepTheirAreas(t *testing.T) {
	s := drawScores(6, 60_000, 6_000, -2)
	r := rank(s)
	c, err := NewCurves(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.steps) < 10*maxCurvePoints {
		t.Fatalf("only %d steps: the curves would not need thinning", len(r.steps))
	}
	if len(c.ROC) > maxCurvePoints || len(c.PrecisionRecall) > maxCurvePoints {
		t.Fatalf("%d and %d points, want at most %d", len(c.ROC), len(c.PrecisionRecall), maxCurvePoints)
	}
	var auc, ap, x, y, recall float64
	for _, p := range c.ROC {
		auc += (p.FalsePositiveRate - x) * (p.TruePositiveRate + y) / 2
		x, y = p.FalsePositiveRate, p.TruePositiveRate
	}
	for _, p := range c.PrecisionRecall {
		ap += (p.Recall - recall) * p.Precision
		recall = p.Recall
	}
	if math.Abs(auc-r.rocAUC()) > 0.002 || math.Abs(ap-r.averagePrecision()) > 0.004 {
		t.Errorf("areas of the thinned curves are %v and %v, of the full ones %v and %v", auc, ap, r.rocAUC(), r.averagePrecision())
	}
	if x != 1 || y != 1 || recall != 1 {
		t.Errorf("curves end at (%v, %v) and recall %v", x, y, recall)
	}
}

func TestHistogramCountsEveryRowOnce(t *testing.T) {
	s := drawScores(7, 1000, 100, 0)
	s.Probability[0], s.Probability[1000] = 0, 1 // both ends belong to a bin
	c, err := NewCurves(s)
	if err != nil {
		t.Fatal(err)
	}
	var positives, negatives int
	for _, b := range c.Histogram {
		positives += b.Positives
		negatives += b.Negatives
	}
	if negatives != 1000 || positives != 100 {
		t.Errorf("%d negatives and %d positives in bins, want 1000 and 100", negatives, positives)
	}
	if last := c.Histogram[len(c.Histogram)-1]; last.High != 1 || last.Positives == 0 {
		t.Errorf("the last bin is %+v", last)
	}
}

func TestCalibrationBinsHoldAboutEqualWeight(t *testing.T) {
	bins := calibrationBins(drawScores(8, 5000, 50, 0), 10)
	if len(bins) != 10 {
		t.Fatalf("%d bins, want 10", len(bins))
	}
	var total float64
	for _, b := range bins {
		total += b.Weight
	}
	for i, b := range bins {
		if math.Abs(b.Weight/total-0.1) > 0.01 {
			t.Errorf("bin %d holds %.3f of the weight", i, b.Weight/total)
		}
		if i > 0 && b.Low <= bins[i-1].High {
			t.Errorf("bins %d and %d overlap", i-1, i)
		}
	}
}
