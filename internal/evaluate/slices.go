package evaluate

import "fmt"

// Slice is how a model does at its threshold on some of the rows, such as those of one day or of one kind of fraud.
type Slice struct {
	By        string  `json:"by"`
	Name      string  `json:"name"`
	Rows      int     `json:"rows"`
	Positives int     `json:"positive_rows"`
	Caught    int     `json:"caught"`       // positive rows at or above the threshold
	False     int     `json:"false_alerts"` // others
	Recall    float64 `json:"recall"`       // 0 without positives
	Precision float64 `json:"precision"`    // 0 without alerts
}

// NewSlices sorts the rows into slices by number, of which names has one each, and leaves out those without rows. Rows with the number -1
// are in none. Counts are rows, not weights: a slice says where to look, and there one looks at rows.
func NewSlices(s Scores, threshold float64, by string, names []string, number []int) ([]Slice, error) {
	if len(number) != s.Len() {
		return nil, fmt.Errorf("slice by %s: %d numbers for %d rows", by, len(number), s.Len())
	}
	all := make([]Slice, len(names))
	for i, n := range number {
		if n == -1 {
			continue
		}
		if n < 0 || n >= len(names) {
			return nil, fmt.Errorf("slice by %s: row %d is in slice %d of %d", by, i, n, len(names))
		}
		at, alert := &all[n], s.Probability[i] >= threshold
		at.Rows++
		if s.Label[i] {
			at.Positives++
		}
		switch {
		case alert && s.Label[i]:
			at.Caught++
		case alert:
			at.False++
		}
	}
	var kept []Slice
	for i, slice := range all {
		if slice.Rows == 0 {
			continue
		}
		slice.By, slice.Name = by, names[i]
		slice.Recall = ratio(float64(slice.Caught), float64(slice.Positives))
		slice.Precision = ratio(float64(slice.Caught), float64(slice.Caught+slice.False))
		kept = append(kept, slice)
	}
	return kept, nil
}

// Cost is what a threshold costs and what it buys.
type Cost struct {
	Threshold   float64 `json:"threshold"`
	Alerts      float64 `json:"alerts_a_day"` // by weight: alerts of the world
	FalseAlerts float64 `json:"false_alerts_a_day"`
	Precision   float64 `json:"precision"`
	Recall      float64 `json:"recall"`
	Amount      float64 `json:"amount_caught"` // share of the positive rows' amount; 0 where no amounts are known
	Chosen      bool    `json:"chosen"`        // the model's own threshold
}

// costSteps are about how many alerts a day are looked at.
var costSteps = []float64{5, 10, 20, 50, 100, 200, 500, 1000}

// NewCosts gives the thresholds that raise about 5, 10, 20, ... alerts a day, and the chosen one among them, in falling order. amounts
// may be nil.
func NewCosts(s Scores, amounts []float64, days, chosen float64) ([]Cost, error) {
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("cost of thresholds: %w", err)
	}
	if !(days > 0) || amounts != nil && len(amounts) != s.Len() {
		return nil, fmt.Errorf("cost of thresholds: %v days, %d amounts for %d rows", days, len(amounts), s.Len())
	}
	r := rank(s)
	money := make([]float64, len(r.steps)) // of positive rows at or above each step
	total := 0.0
	for k, tie := range ties(s) {
		for _, i := range tie {
			if amounts != nil && s.Label[i] {
				total += amounts[i] * s.weight(i)
			}
		}
		money[k] = total
	}
	var costs []Cost
	add := func(k int, own bool) {
		p, threshold := r.steps[k], r.steps[k].threshold
		if own {
			threshold = chosen // no row lies between
		}
		costs = append(costs, Cost{Threshold: threshold, Alerts: (p.truePositive + p.falsePositive) / days, FalseAlerts: p.falsePositive / days,
			Precision: p.precision(), Recall: r.recall(p), Amount: ratio(money[k], total), Chosen: own})
	}
	next, last := 0, -1
	for k, p := range r.steps {
		alerts := (p.truePositive + p.falsePositive) / days
		own := p.threshold >= chosen && (k+1 == len(r.steps) || r.steps[k+1].threshold < chosen)
		reached := false
		for next < len(costSteps) && alerts >= costSteps[next] {
			reached = true
			next++
		}
		if (reached || own) && k != last {
			add(k, own)
			last = k
		}
	}
	return costs, nil
}
