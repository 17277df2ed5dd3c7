package protocol

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/training"
)

// Data is a table in order of time with its features, computed once for one label delay.
type Data struct {
	Definition *pipeline.Definition // with the delay as its own
	Delay      time.Duration

	// Truth is each row's probability of a fraud, where somebody knows it, as one can of simulated data. No model is told; it says
	// what is to be expected of a model's order of the rows, beside what these rows' luck made of it. Nil where nobody knows.
	Truth []float64

	names []string
	x     []float32 // [N, F] row-major
	times []float64 // unix seconds
	cards []int64
	fraud []bool
}

// Open puts a table, which has the columns of the pipeline's training schema, [InOrder], and computes its features as they would have
// been with labels known after a delay.
func Open(d *pipeline.Definition, table dataset.Table, delay time.Duration) (*Data, error) {
	fail := func(err error) (*Data, error) { return nil, fmt.Errorf("open %s for a protocol: %w", d.Name, err) }
	if d.Key == "" || d.EventTime.Column == "" {
		return fail(fmt.Errorf("%w: the pipeline names no key and event time; a protocol needs cards and days", dataset.ErrSchema))
	}
	own := *d
	own.Label.Delay = pipeline.Span(fmt.Sprintf("%ds", int64(delay.Seconds())))
	sorted, err := InOrder(d, table)
	if err != nil {
		return fail(err)
	}
	data := &Data{Definition: &own, Delay: delay}
	data.times, _ = sorted.Column(d.EventTime.Column)
	cards, known := sorted.Column(d.Key)
	labels, labelled := sorted.Column(d.Label.Column)
	if !known || !labelled {
		return fail(fmt.Errorf("%w: no column %q or %q", dataset.ErrSchema, d.Key, d.Label.Column))
	}
	for i := range labels {
		data.cards, data.fraud = append(data.cards, int64(cards[i])), append(data.fraud, labels[i] == d.Label.Positive)
	}
	spec := feature.SpecOf(&own)
	data.names = spec.Names()
	if data.x, err = training.Vectors(&own, spec, sorted); err != nil {
		return fail(err)
	}
	return data, nil
}

// InOrder is a table in order of event time, the order of a Data's rows. The rows of one time keep theirs.
func InOrder(d *pipeline.Definition, table dataset.Table) (dataset.Table, error) {
	times, ok := table.Column(d.EventTime.Column)
	if !ok {
		return dataset.Table{}, fmt.Errorf("%w: no column %q", dataset.ErrSchema, d.EventTime.Column)
	}
	order := make([]int, table.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(times[a], times[b]) })
	return table.Pick(order), nil
}

// between is the range of rows with from <= time < to.
func (d *Data) between(from, to time.Time) (first, end int) {
	at := func(t time.Time) int {
		i, _ := slices.BinarySearch(d.times, float64(t.Unix()))
		return i
	}
	return at(from), at(to)
}

// train are the rows of the fold's span of training.
func (d *Data) train(f Fold) []int {
	first, end := d.between(f.TrainFrom, f.TrainTo)
	rows := make([]int, 0, end-first)
	for i := first; i < end; i++ {
		rows = append(rows, i)
	}
	return rows
}

// test are the rows of the test week but for those of cards that were known to be compromised on their day: by a fraud from two
// weeks before the test week on until eight days before the row's day.
func (d *Data) test(f Fold) []int {
	compromised := make(map[int64]float64) // card -> its first fraud that may be known
	first, end := d.between(f.TestFrom.Add(-2*week), f.TestTo)
	for i := first; i < end; i++ {
		if _, known := compromised[d.cards[i]]; d.fraud[i] && !known {
			compromised[d.cards[i]] = d.times[i]
		}
	}
	var rows []int
	first, end = d.between(f.TestFrom, f.TestTo)
	for i := first; i < end; i++ {
		midnight := float64(d.day(i)) * day.Seconds()
		at, was := compromised[d.cards[i]]
		if !was || at >= midnight-bookDelay.Seconds() {
			rows = append(rows, i)
		}
	}
	return rows
}

// day numbers the calendar days; the data know no time zone.
func (d *Data) day(row int) int64 { return int64(d.times[row]) / int64(day.Seconds()) }

// rows copies rows as the model takes them.
func (d *Data) rows(chosen []int) model.Rows {
	f := len(d.names)
	r := model.Rows{F: f, X: make([]float32, 0, len(chosen)*f)}
	for _, i := range chosen {
		r.X = append(r.X, d.x[i*f:(i+1)*f]...)
		y := float32(0)
		if d.fraud[i] {
			y = 1
		}
		r.Y = append(r.Y, y)
	}
	return r
}
