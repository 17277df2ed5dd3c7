package protocol

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"temporal-streaming/internal/evaluate"
)

// Expected is what an order of the rows would come to on average, if each row's fraud were drawn anew by the data's Truth.
type Expected struct {
	AUC Spread `json:"auc"`
	AP  Spread `json:"ap"`
}

// Measure is what anybody's probabilities, one for each row of the data, are worth on the weeks of a protocol.
func (d *Data) Measure(p Protocol, o Options, probability []float64) (Result, error) {
	folds, err := d.folds(p, o.withDefaults())
	if err != nil {
		return Result{}, err
	}
	if len(probability) != len(d.times) {
		return Result{}, fmt.Errorf("measure by protocol %s: %w: %d probabilities of %d rows", p, ErrRows, len(probability), len(d.times))
	}
	r := Result{Protocol: p, DelayDays: d.Delay.Hours() / 24, Validation: o.Validation}
	for _, f := range folds {
		test := d.test(f)
		chosen := make([]float64, len(test))
		for k, i := range test {
			chosen[k] = probability[i]
		}
		w, err := d.judge(f, test, chosen)
		if err != nil {
			return Result{}, err
		}
		r.Folds = append(r.Folds, w)
	}
	r.spread()
	return r, nil
}

// judge measures anybody's probabilities of a fold's test rows.
func (d *Data) judge(f Fold, test []int, probability []float64) (Week, error) {
	w := Week{Test: f.TestFrom.Format(time.DateOnly), TestRows: len(test), TestPositives: d.frauds(test)}
	fail := func(err error) (Week, error) { return Week{}, fmt.Errorf("judge the week of %s: %w", w.Test, err) }
	s := evaluate.Scores{Probability: probability}
	var cards, days []int64
	for _, i := range test {
		s.Label, cards, days = append(s.Label, d.fraud[i]), append(cards, d.cards[i]), append(days, d.day(i))
	}
	report, err := evaluate.NewReport(s, 0.5)
	if err != nil {
		return fail(err)
	}
	w.AUC, w.AP = report.ROCAUC, report.AveragePrecision
	byDay, err := evaluate.CardPrecision(s, cards, days, topCards)
	if err != nil {
		return fail(err)
	}
	for _, v := range byDay {
		w.CP100 += v / float64(len(byDay))
	}
	if d.Truth != nil {
		truth := make([]float64, len(test))
		for k, i := range test {
			truth[k] = d.Truth[i]
		}
		w.ExpectedAUC, w.ExpectedAP = expected(probability, truth)
	}
	return w, nil
}

// expected are the area under the ROC curve and the average precision to be expected of an order of rows, whose frauds are drawn one
// by one with the probabilities of truth. Both are ratios of expectations, which is all the same for thousands of rows.
func expected(probability, truth []float64) (auc, ap float64) {
	order := make([]int, len(probability))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(probability[b], probability[a]) })
	frauds, genuine := 0.0, 0.0 // above the rows of equal probability that come next
	for from, to := 0, 0; from < len(order); from = to {
		tied, squares := 0.0, 0.0
		for ; to < len(order) && probability[order[to]] == probability[order[from]]; to++ {
			t := truth[order[to]]
			tied, squares = tied+t, squares+t*t
		}
		sound := float64(to-from) - tied
		auc += sound * (frauds + tied/2)
		frauds, genuine = frauds+tied, genuine+sound
		ap += (tied*(frauds+1) - squares) / float64(to) // a row that is a fraud counts itself in full
	}
	return auc / (frauds * genuine), ap / frauds
}

func (d *Data) frauds(rows []int) (n int) {
	for _, i := range rows {
		if d.fraud[i] {
			n++
		}
	}
	return n
}

// spread takes the means over the folds.
func (r *Result) spread() {
	r.AUC, r.AP = spread(r.Folds, func(w Week) float64 { return w.AUC }), spread(r.Folds, func(w Week) float64 { return w.AP })
	r.CP100 = spread(r.Folds, func(w Week) float64 { return w.CP100 })
	if r.Folds[0].ExpectedAUC > 0 {
		r.Expected = &Expected{spread(r.Folds, func(w Week) float64 { return w.ExpectedAUC }), spread(r.Folds, func(w Week) float64 { return w.ExpectedAP })}
	}
}

func spread(weeks []Week, of func(Week) float64) Spread {
	var s Spread
	for _, w := range weeks {
		s.Mean += of(w) / float64(len(weeks))
	}
	for _, w := range weeks {
		s.Deviation += (of(w) - s.Mean) * (of(w) - s.Mean) / float64(len(weeks))
	}
	s.Deviation = math.Sqrt(s.Deviation)
	return s
}
