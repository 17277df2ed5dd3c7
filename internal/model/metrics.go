package model

import (
	"math"
	"slices"
)

// averagePrecision is the weighted area under the precision-recall steps, sum over thresholds of (R_k - R_k-1) * P_k, with equal
// scores taken together. Early stopping needs it here; reports are made elsewhere, with all their other figures.
func averagePrecision(scores, labels, weights []float32) float64 {
	order := make([]int, len(scores))
	positive := 0.0
	for i := range order {
		order[i] = i
		positive += float64(labels[i]) * float64(weights[i])
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return a - b
	})
	var hits, all, before, area float64
	for k, i := range order {
		hits += float64(labels[i]) * float64(weights[i])
		all += float64(weights[i])
		if k+1 < len(order) && scores[order[k+1]] == scores[i] {
			continue
		}
		area += (hits - before) / positive * hits / all
		before = hits
	}
	return area
}

// logLoss is the weighted mean cross-entropy of sigmoid(logit).
func logLoss(logits, labels, weights []float32) float64 {
	var sum, total float64
	for i, logit := range logits {
		z, w := float64(logit), float64(weights[i])
		sum += w * (max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) - float64(labels[i])*z)
		total += w
	}
	return sum / total
}

// logOdds of the positive share by weight.
func logOdds(labels, weights []float32) float64 {
	var positive, total float64
	for i, w := range weights {
		positive += float64(w) * float64(labels[i])
		total += float64(w)
	}
	return math.Log(positive / (total - positive))
}
