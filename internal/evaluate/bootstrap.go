package evaluate

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Interval is a figure and where it could as well have lain: 95 of 100 resamples gave a value between Low and High.
type Interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Uncertainty is what chance there is in a model's figures on its rows.
type Uncertainty struct {
	Groups           int      `json:"groups"` // of rows that were resampled together
	Samples          int      `json:"samples"`
	AveragePrecision Interval `json:"average_precision"`
	ROCAUC           Interval `json:"roc_auc"`
	Recall           Interval `json:"recall"` // at the threshold
	Precision        Interval `json:"precision"`
}

// Advantage is the average precision of one model above another's on the same resamples: what both owe to the rows cancels.
type Advantage struct {
	Over             string   `json:"over"`
	AveragePrecision Interval `json:"average_precision"`
}

// Contender is a model's scores of the rows that all contenders are measured on, and its own threshold.
type Contender struct {
	Name      string
	Scores    Scores
	Threshold float64
}

// Bootstrap draws groups of rows, such as the transactions of a card, with replacement, as often as samples says, and measures all
// contenders on each draw. Rows of one card are alike, so drawing rows one by one would find the figures surer than they are
// (Davison and Hinkley, "Bootstrap Methods and their Application", 1997, chapter 3.8). groups names the group of each row; nil makes each
// row its own. The first contender's uncertainty is returned, and its advantage over each of the others. Draws without a positive or
// without a negative row are drawn again.
func Bootstrap(contenders []Contender, groups []int64, samples int, seed uint64) (Uncertainty, []Advantage, error) {
	fail := func(err error) (Uncertainty, []Advantage, error) {
		return Uncertainty{}, nil, fmt.Errorf("bootstrap: %w", err)
	}
	if len(contenders) == 0 || samples < 20 {
		return fail(fmt.Errorf("%d models and %d samples, want at least 1 and 20", len(contenders), samples))
	}
	rows := contenders[0].Scores.Len()
	place, count, err := groupsOf(groups, rows)
	if err != nil {
		return fail(err)
	}
	var measured []resampled
	for _, c := range contenders {
		if err := c.Scores.Check(); err != nil {
			return fail(err)
		}
		if c.Scores.Len() != rows {
			return fail(fmt.Errorf("%s has %d rows where the first has %d", c.Name, c.Scores.Len(), rows))
		}
		measured = append(measured, resampled{Contender: c, ties: ties(c.Scores)})
	}
	random := rand.New(rand.NewPCG(seed, 0x626f6f7473747261))
	times := make([]float64, count)
	for drawn, tries := 0, 0; drawn < samples; tries++ {
		if tries == 100*samples {
			return fail(fmt.Errorf("%w: nearly every draw lacks a class", ErrOneClass))
		}
		clear(times)
		for range count {
			times[random.IntN(count)]++
		}
		if !measured[0].hasBoth(place, times) {
			continue
		}
		drawn++
		for i := range measured {
			measured[i].measure(place, times)
		}
	}
	once := make([]float64, count)
	for i := range once {
		once[i] = 1
	}
	for i := range measured {
		measured[i].measure(place, once) // the last: the figures themselves
	}
	first := measured[0]
	u := Uncertainty{Groups: count, Samples: samples, AveragePrecision: interval(first.ap), ROCAUC: interval(first.auc),
		Recall: interval(first.recall), Precision: interval(first.precision)}
	var advantages []Advantage
	for _, other := range measured[1:] {
		gain := make([]float64, len(first.ap))
		for i := range gain {
			gain[i] = first.ap[i] - other.ap[i]
		}
		advantages = append(advantages, Advantage{other.Name, interval(gain)})
	}
	return u, advantages, nil
}

// groupsOf numbers the groups from 0 in the order in which they appear.
func groupsOf(groups []int64, rows int) (place []int, count int, err error) {
	if groups != nil && len(groups) != rows {
		return nil, 0, fmt.Errorf("%d groups for %d rows", len(groups), rows)
	}
	place = make([]int, rows)
	known := make(map[int64]int)
	for i := range place {
		name := int64(i)
		if groups != nil {
			name = groups[i]
		}
		at, ok := known[name]
		if !ok {
			at = len(known)
			known[name] = at
		}
		place[i] = at
	}
	return place, len(known), nil
}

// resampled is a contender with its figures of each draw.
type resampled struct {
	Contender
	ties                       [][]int // sorted once: a draw changes weights, never the order
	ap, auc, recall, precision []float64
}

func (r *resampled) hasBoth(place []int, times []float64) bool {
	var seen [2]bool
	for i, label := range r.Scores.Label {
		if times[place[i]] > 0 && r.Scores.weight(i) > 0 {
			seen[class(label)] = true
		}
		if seen[0] && seen[1] {
			return true
		}
	}
	return false
}

func (r *resampled) measure(place []int, times []float64) {
	var drawn ranking
	var caught, alerts float64
	for _, tie := range r.ties {
		var positive, negative float64
		for _, i := range tie {
			w := r.Scores.weight(i) * times[place[i]]
			if r.Scores.Label[i] {
				positive += w
			} else {
				negative += w
			}
		}
		if positive+negative == 0 {
			continue
		}
		drawn.positives += positive
		drawn.negatives += negative
		p := r.Scores.Probability[tie[0]]
		if p >= r.Threshold {
			caught, alerts = drawn.positives, drawn.positives+drawn.negatives
		}
		drawn.steps = append(drawn.steps, step{p, drawn.positives, drawn.negatives})
	}
	r.ap, r.auc = append(r.ap, drawn.averagePrecision()), append(r.auc, drawn.rocAUC())
	r.recall, r.precision = append(r.recall, ratio(caught, drawn.positives)), append(r.precision, ratio(caught, alerts))
}

// interval takes the percentiles of all values but the last, which is the figure itself.
func interval(values []float64) Interval {
	drawn := slices.Sorted(slices.Values(values[:len(values)-1]))
	at := func(share float64) float64 { return drawn[int(share*float64(len(drawn)-1)+0.5)] }
	return Interval{Value: values[len(values)-1], Low: at(0.025), High: at(0.975)}
}
