package training

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/evaluate"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
)

const (
	resamples      = 400
	importanceRows = 30_000 // of the validation part, all positive ones among them: enough for the order of the features
)

// findings are what a report tells beyond the metrics: how sure they are, where the model fails, what a threshold costs, and
// which features carry it. All of it is a function of the data and the model.
type findings struct {
	uncertainty evaluate.Uncertainty
	advantages  []evaluate.Advantage
	slices      []evaluate.Slice
	costs       []evaluate.Cost
	importance  []evaluate.Importance
	parts       []evaluate.Part
}

func (f *findings) tell(s *evaluate.Study) {
	s.Uncertainty, s.Advantages, s.Slices, s.Costs, s.Importance, s.Parts = &f.uncertainty, f.advantages, f.slices, f.costs, f.importance, f.parts
}

// find looks at the rows of the test part once more, by what the features do not say: whose they are, of what amount, when, and of which
// kind a positive one is.
func (t *Trainer) find(ctx context.Context, r *evidence) (f findings, err error) {
	d, set := r.definition, r.req.Ingested.Dataset
	table, err := t.table(ctx, d, set)
	if err != nil {
		return f, err
	}
	cuts, err := cut(d, table)
	if err != nil {
		return f, err
	}
	test := table.Pick(cuts.Order[cuts.Test.From:cuts.Test.To])
	contenders := []evaluate.Contender{{Name: r.test.Name, Scores: r.test.Scores, Threshold: r.test.Report.Threshold}}
	for _, other := range []*evaluate.Result{r.champion, r.baseline} {
		if other != nil {
			contenders = append(contenders, evaluate.Contender{Name: other.Name, Scores: other.Scores, Threshold: other.Report.Threshold})
		}
	}
	if f.uncertainty, f.advantages, err = evaluate.Bootstrap(contenders, groups(d, test), resamples, 1); err != nil {
		return f, err
	}
	if f.slices, err = slicesOf(d, test, r.test); err != nil {
		return f, err
	}
	amounts, _ := test.Column(d.Report.Amount) // none: no amounts
	if f.costs, err = evaluate.NewCosts(r.test.Scores, amounts, daysOf(d, test), r.test.Report.Threshold); err != nil {
		return f, err
	}
	validation, err := t.matrix(ctx, r.req.Engineered.Validation)
	if err != nil {
		return f, err
	}
	if f.importance, err = importance(r.model, validation); err != nil {
		return f, err
	}
	e := r.req.Engineered
	f.parts = append(f.parts,
		evaluate.Part{Name: "training", Rows: e.Train.Rows, Positives: e.Train.Positives, From: moment(d, e.Train.From), To: moment(d, e.Train.To)},
		evaluate.Part{Name: "validation", Rows: e.Validation.Rows, Positives: e.Validation.Positives, From: moment(d, e.Validation.From), To: moment(d, e.Validation.To)},
		evaluate.Part{Name: "test", Rows: e.Test.Rows, Positives: e.Test.Positives, From: moment(d, e.Test.From), To: moment(d, e.Test.To)},
	)
	return f, nil
}

// groups are whose the rows are; nil where the pipeline does not say.
func groups(d *pipeline.Definition, test dataset.Table) []int64 {
	values, ok := test.Column(d.Report.Group)
	if !ok {
		return nil
	}
	list := make([]int64, len(values))
	for i, v := range values {
		list[i] = int64(v)
	}
	return list
}

// slicesOf are the rows by kind of positive, by amount and by day, as far as the data tell them.
func slicesOf(d *pipeline.Definition, test dataset.Table, r evaluate.Result) ([]evaluate.Slice, error) {
	var all []evaluate.Slice
	add := func(by string, names []string, number []int) error {
		list, err := evaluate.NewSlices(r.Scores, r.Report.Threshold, by, names, number)
		all = append(all, list...)
		return err
	}
	if kinds, ok := test.Column(d.Report.Kind); ok {
		names, number := kindsOf(d.Report.Kind, kinds, r.Scores.Label)
		if err := add(evaluate.ByKind, names, number); err != nil {
			return nil, err
		}
	}
	if amounts, ok := test.Column(d.Report.Amount); ok {
		names, number := bands(amounts)
		if err := add(evaluate.ByAmount, names, number); err != nil {
			return nil, err
		}
	}
	times, _ := test.Column(d.OrderBy) // the split found it
	names, number := daysNamed(d, times)
	return all, add(evaluate.ByDay, names, number)
}

// kindsOf numbers the kinds that positive rows have.
func kindsOf(column string, kinds []float64, positive []bool) (names []string, number []int) {
	var known []float64
	for i, kind := range kinds {
		if positive[i] && !slices.Contains(known, kind) {
			known = append(known, kind)
		}
	}
	slices.Sort(known)
	for _, kind := range known {
		names = append(names, fmt.Sprintf("%s %g", column, kind))
	}
	number = make([]int, len(kinds))
	for i, kind := range kinds {
		number[i] = -1
		if positive[i] {
			number[i] = slices.Index(known, kind)
		}
	}
	return names, number
}

// bands cuts amounts at round numbers, 1, 2 and 5 of each power of ten, between the first hundredth and the last five hundredth of the rows.
func bands(amounts []float64) (names []string, number []int) {
	sorted := slices.Sorted(slices.Values(amounts))
	low, high := sorted[len(sorted)/100], sorted[len(sorted)-1-len(sorted)/500]
	var edges []float64
	for power := -2.0; power < 9; power++ {
		for _, k := range []float64{1, 2, 5} {
			if edge := k * math.Pow(10, power); edge > low && edge < high {
				edges = append(edges, edge)
			}
		}
	}
	if len(edges) > 7 {
		edges = edges[len(edges)-7:] // small ones are told apart by nobody
	}
	for i := range len(edges) + 1 {
		switch {
		case len(edges) == 0:
			names = append(names, "all")
		case i == 0:
			names = append(names, fmt.Sprintf("below %g", edges[0]))
		case i == len(edges):
			names = append(names, fmt.Sprintf("from %g", edges[i-1]))
		default:
			names = append(names, fmt.Sprintf("%g to %g", edges[i-1], edges[i]))
		}
	}
	number = make([]int, len(amounts))
	for i, amount := range amounts {
		at, exact := slices.BinarySearch(edges, amount)
		if exact {
			at++ // a band begins at its edge
		}
		number[i] = at
	}
	return names, number
}

const secondsOfDay = 86_400

// daysNamed numbers the days of rows in order of time. An order column that is no time counts seconds from the data's own start.
func daysNamed(d *pipeline.Definition, times []float64) (names []string, number []int) {
	first := math.Floor(times[0] / secondsOfDay)
	number = make([]int, len(times))
	for i, at := range times {
		number[i] = int(math.Floor(at/secondsOfDay) - first)
	}
	for day := range number[len(number)-1] + 1 {
		name := fmt.Sprintf("day %g", first+float64(day)+1)
		if isTime(d) {
			name = time.Unix(int64(first+float64(day))*secondsOfDay, 0).UTC().Format("01-02")
		}
		names = append(names, name)
	}
	return names, number
}

func isTime(d *pipeline.Definition) bool {
	column, ok := d.Column(d.OrderBy)
	return ok && column.Type == pipeline.Time
}

// daysOf is how many days the rows take, at least a thousandth.
func daysOf(d *pipeline.Definition, test dataset.Table) float64 {
	times, _ := test.Column(d.OrderBy) // the split found it
	return max(0.001, (times[len(times)-1]-times[0])/secondsOfDay)
}

func moment(d *pipeline.Definition, at float64) string {
	if isTime(d) {
		return time.Unix(int64(at), 0).UTC().Format("2006-01-02 15:04")
	}
	return fmt.Sprintf("%g", at)
}

// importance shuffles each feature on some of the rows. Where negative rows are left out, those that stay stand for them.
func importance(m *model.Model, x dataset.Matrix) ([]evaluate.Importance, error) {
	every := max(1, x.Len()/importanceRows)
	var some dataset.Matrix
	truth := evaluate.Scores{}
	negatives := 0
	for i := range x.Len() {
		weight := float64(x.W[i])
		if x.Y[i] == 0 {
			negatives++
			if negatives%every != 0 {
				continue
			}
			weight *= float64(every)
		}
		some.X = append(some.X, x.Row(i)...)
		truth.Label, truth.Weight = append(truth.Label, x.Y[i] == 1), append(truth.Weight, weight)
	}
	scorer, probability := model.NewScorer(m, scoringBatch), make([]float32, len(truth.Label))
	return evaluate.Permute(x.Names, some.X, truth, func(x []float32) []float64 {
		scorer.Score(x, len(probability), probability)
		p := make([]float64, len(probability))
		for i, v := range probability {
			p[i] = float64(v)
		}
		return p
	}, 1)
}
