package evaluate

import (
	"cmp"
	"slices"
)

// step is one distinct probability, with the weights of everything scored at or above it. Rows with equal
// probabilities cannot be told apart by any threshold, so they enter the curves together; this is what makes the
// metrics right with ties.
type step struct {
	threshold     float64
	truePositive  float64 // weight of positives with probability >= threshold
	falsePositive float64 // weight of negatives with probability >= threshold
}

// ranking is the one sort that all ranking metrics, curves and policies are read from: steps in falling order of threshold.
type ranking struct {
	steps     []step
	positives float64 // total weight of positives
	negatives float64
}

// rank sorts checked scores.
func rank(s Scores) ranking {
	var r ranking
	for _, tie := range ties(s) {
		for _, i := range tie {
			if s.Label[i] {
				r.positives += s.weight(i)
			} else {
				r.negatives += s.weight(i)
			}
		}
		r.steps = append(r.steps, step{threshold: s.Probability[tie[0]], truePositive: r.positives, falsePositive: r.negatives})
	}
	return r
}

// ties gives the rows of each distinct probability, in falling order of probability and, within one, in input order.
// Rows of weight zero are left out, as scikit-learn does.
func ties(s Scores) [][]int {
	order := make([]int, 0, s.Len())
	for i := range s.Probability {
		if s.weight(i) > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.Probability[b], s.Probability[a]) })
	var groups [][]int
	for start, i := 0, 1; i <= len(order); i++ {
		if i == len(order) || s.Probability[order[i]] != s.Probability[order[start]] {
			groups = append(groups, order[start:i])
			start = i
		}
	}
	return groups
}

func (s step) precision() float64 {
	if s.truePositive == 0 {
		return 0
	}
	return s.truePositive / (s.truePositive + s.falsePositive)
}

func (r ranking) recall(s step) float64 { return s.truePositive / r.positives }

// f1 is 2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall.
func (r ranking) f1(s step) float64 {
	return 2 * s.truePositive / (s.truePositive + s.falsePositive + r.positives)
}

// rocAUC is the area under the ROC curve by the trapezoidal rule: the probability that a random positive outranks a
// random negative, ties counting half (sklearn.metrics.roc_auc_score).
func (r ranking) rocAUC() float64 {
	var area, tp, fp float64
	for _, s := range r.steps {
		area += (s.falsePositive - fp) * (s.truePositive + tp) / 2
		tp, fp = s.truePositive, s.falsePositive
	}
	return area / (r.positives * r.negatives)
}

// averagePrecision is the sum over thresholds of (recall_n - recall_{n-1}) * precision_n, without interpolation
// (sklearn.metrics.average_precision_score).
func (r ranking) averagePrecision() float64 {
	var sum, tp float64
	for _, s := range r.steps {
		sum += (s.truePositive - tp) * s.precision()
		tp = s.truePositive
	}
	return sum / r.positives
}
