package evaluate

import (
	"fmt"
	"math"
)

// Report is how good a model is on one set of rows at one threshold. Its JSON is stable: names are only ever added.
// All metrics are weighted unless they say rows.
type Report struct {
	Rows      int `json:"rows"`
	Positives int `json:"positive_rows"`
	Negatives int `json:"negative_rows"`

	Prevalence float64 `json:"prevalence"` // weight of positives / weight of all

	AveragePrecision float64 `json:"average_precision"`
	ROCAUC           float64 `json:"roc_auc"`
	Brier            float64 `json:"brier_score"`
	LogLoss          float64 `json:"log_loss"`
	CalibrationError float64 `json:"expected_calibration_error"`

	Threshold float64   `json:"threshold"` // positive = probability >= threshold
	Precision float64   `json:"precision"` // 0 when nothing is called positive
	Recall    float64   `json:"recall"`
	F1        float64   `json:"f1"`
	AlertRate float64   `json:"alert_rate"` // weight called positive / weight of all
	Accuracy  float64   `json:"accuracy"`   // a footnote: calling everything negative scores 1 - prevalence
	Confusion Confusion `json:"confusion"`

	Calibration []CalibrationBin `json:"calibration"`
}

// Confusion counts the four outcomes at the report's threshold, as rows and as the weight they stand for.
type Confusion struct {
	TruePositives  int `json:"true_positives"`
	FalsePositives int `json:"false_positives"`
	FalseNegatives int `json:"false_negatives"`
	TrueNegatives  int `json:"true_negatives"`

	TruePositiveWeight  float64 `json:"true_positive_weight"`
	FalsePositiveWeight float64 `json:"false_positive_weight"`
	FalseNegativeWeight float64 `json:"false_negative_weight"`
	TrueNegativeWeight  float64 `json:"true_negative_weight"`
}

// NewReport measures scores at a threshold, which is best chosen on other rows (ChooseThreshold).
func NewReport(s Scores, threshold float64) (Report, error) {
	if err := s.Check(); err != nil {
		return Report{}, fmt.Errorf("make report: %w", err)
	}
	if math.IsNaN(threshold) || math.IsInf(threshold, 0) {
		return Report{}, fmt.Errorf("make report: threshold %v is not a finite number", threshold)
	}
	r := rank(s)
	c := confusion(s, threshold)
	total := r.positives + r.negatives
	alerts := c.TruePositiveWeight + c.FalsePositiveWeight
	bins := calibrationBins(s, calibrationBinCount)
	return Report{
		Rows:             s.Len(),
		Positives:        c.TruePositives + c.FalseNegatives,
		Negatives:        c.FalsePositives + c.TrueNegatives,
		Prevalence:       r.positives / total,
		AveragePrecision: r.averagePrecision(),
		ROCAUC:           r.rocAUC(),
		Brier:            brier(s),
		LogLoss:          logLoss(s),
		CalibrationError: calibrationError(bins),
		Threshold:        threshold,
		Precision:        ratio(c.TruePositiveWeight, alerts),
		Recall:           c.TruePositiveWeight / r.positives,
		F1:               2 * c.TruePositiveWeight / (alerts + r.positives),
		AlertRate:        alerts / total,
		Accuracy:         (c.TruePositiveWeight + c.TrueNegativeWeight) / total,
		Confusion:        c,
		Calibration:      bins,
	}, nil
}

func confusion(s Scores, threshold float64) Confusion {
	var c Confusion
	for i, p := range s.Probability {
		w := s.weight(i)
		switch positive := p >= threshold; {
		case positive && s.Label[i]:
			c.TruePositives++
			c.TruePositiveWeight += w
		case positive:
			c.FalsePositives++
			c.FalsePositiveWeight += w
		case s.Label[i]:
			c.FalseNegatives++
			c.FalseNegativeWeight += w
		default:
			c.TrueNegatives++
			c.TrueNegativeWeight += w
		}
	}
	return c
}

// brier is the weighted mean of (probability - label)^2.
func brier(s Scores) float64 {
	var sum, total float64
	for i, p := range s.Probability {
		d := p - float64(class(s.Label[i]))
		sum += s.weight(i) * d * d
		total += s.weight(i)
	}
	return sum / total
}

// logLoss is the weighted mean of -ln(probability of the true class), which is clipped to [eps, 1-eps] with
// eps = 2^-52, as scikit-learn clips float64 probabilities.
func logLoss(s Scores) float64 {
	const eps = 0x1p-52
	var sum, total float64
	for i, p := range s.Probability {
		if !s.Label[i] {
			p = 1 - p
		}
		sum -= s.weight(i) * math.Log(min(max(p, eps), 1-eps))
		total += s.weight(i)
	}
	return sum / total
}

func ratio(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}
