package feature

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"pgregory.net/rapid"

	"temporal-streaming/internal/pipeline"
)

// chosenPayments draws a spec whose aggregates choose their records: by conditions on columns, on features of the same stage, of
// one before and of labels, by number, without the record itself.
func chosenPayments(seed uint64, tolerance int64, labels pipeline.Arrival) Spec {
	r := rand.New(rand.NewPCG(seed, 2))
	number := func(v float64) *float64 { return &v }
	s := Spec{Format: FormatChosen, History: &History{Key: "card", EventTime: "at", ToleranceMS: tolerance, Labels: labels}}
	add := func(in Input) string {
		in.Name = fmt.Sprintf("%d", len(s.Features))
		s.Features = append(s.Features, in)
		return in.Name
	}
	usual := add(Input{Aggregate: pipeline.Median, Column: "amount", Key: "card", Rows: 5, Before: true, MinRecords: 2})
	ratio := add(Input{Operation: Ratio, Left: "amount", Right: usual, Smoothing: 0.5})
	level := add(Input{Aggregate: pipeline.Mean, Column: "amount", Key: "card", WindowMS: 40_000, Where: &pipeline.Where{Value: ratio, AtMost: number(1.5)}, Transform: pipeline.Log1p})
	second := add(Input{Operation: Difference, Left: level, Right: ratio})
	third := add(Input{Operation: Product, Left: second, Right: "amount"})
	conditions := map[string][]*pipeline.Where{"card": {
		nil, {Value: "amount", Above: number(300)}, {Value: ratio, Above: number(0.5), AtMost: number(1.5)}, {Value: second, Above: number(3)},
		{Value: third, AtMost: number(900)}, {Value: usual, Is: number(0)},
	}}
	conditions["shop"] = append(conditions["shop"], conditions["card"]...)
	for _, w := range conditions["card"] {
		for _, class := range []pipeline.LabelClass{pipeline.PositiveLabel, pipeline.NegativeLabel} {
			both := pipeline.Where{Label: class}
			if w != nil {
				both = *w
				both.Label = class
			}
			conditions["shop"] = append(conditions["shop"], &both)
		}
	}
	kinds := []pipeline.Aggregate{}
	for a := range aggregateKinds {
		kinds = append(kinds, a)
	}
	slices.Sort(kinds)
	for len(s.Features) < 60 {
		key := []string{"card", "shop"}[r.IntN(2)]
		in := Input{Aggregate: kinds[r.IntN(len(kinds))], Key: key, Where: conditions[key][r.IntN(len(conditions[key]))], MinRecords: r.IntN(4) * r.IntN(2)}
		switch r.IntN(3) {
		case 0:
			in.WindowMS = []int64{5_000, 40_000, 0}[r.IntN(3)]
		default:
			in.Rows = []int{1, 3, 8}[r.IntN(3)]
		}
		switch r.IntN(3) {
		case 0:
			in.ShiftMS = 10_000
		case 1:
			in.Before = true
		}
		kind := aggregateKinds[in.Aggregate]
		compares := kind == aggregateZScore || kind == aggregateRatioToMean
		switch {
		case kind >= aggregateSinceLast && in.WindowMS == 0 && in.Rows == 0, compares && in.ShiftMS > 0,
			in.Where == nil && (kind == aggregateRun || kind == aggregateRunAge),
			in.Aggregate.OfLabels() && (key == "card" || labels == pipeline.Delayed && in.ShiftMS == 0),
			in.Where != nil && in.Where.Label != "" && (!ofTimes(kind) || labels == pipeline.Delayed && in.ShiftMS == 0):
			continue
		}
		if kind == aggregateShare {
			in.Smoothing = float64(r.IntN(3))
		}
		switch {
		case kind == aggregateLast:
			in.Column = []string{"amount", ratio, second, level}[r.IntN(4)]
		case kind == aggregateDistinct:
			in.Column = map[string]string{"card": "shop", "shop": "card"}[key]
		case !ofTimes(kind) && !in.Aggregate.OfLabels():
			in.Column = "amount"
		}
		name := add(in)
		if key == "card" && r.IntN(3) == 0 {
			conditions["card"] = append(conditions["card"], &pipeline.Where{Value: name, Above: number(2)})
		}
	}
	return s
}

// chooser computes features the long way: each of them from all records of its key so far.
type chooser struct {
	spec      Spec
	names     map[string]int
	histories map[string]map[float64][]*chosenRecord
	arriving  bool
}

type chosenRecord struct {
	at     int64
	row    []float64
	values []float64 // as they were when it came
	label  Label
}

func newChooser(spec Spec, arriving bool) *chooser {
	c := &chooser{spec: spec, names: map[string]int{}, histories: map[string]map[float64][]*chosenRecord{"card": {}, "shop": {}}, arriving: arriving}
	for i, in := range spec.Features {
		c.names[in.Name] = i
	}
	return c
}

// add makes a row history and answers its features.
func (c *chooser) add(row []float64, label Label, tolerance int64) (values []float64, made []*chosenRecord) {
	values = make([]float64, len(c.spec.Features))
	own := map[string]*chosenRecord{}
	for key, column := range map[string]int{"card": cardColumn, "shop": shopColumn} {
		history := c.histories[key][row[column]]
		r := &chosenRecord{at: int64(math.Round(row[atColumn] * 1000)), row: row, values: values, label: label}
		for _, earlier := range history {
			r.at = max(r.at, earlier.at-tolerance)
		}
		place := len(history)
		for place > 0 && history[place-1].at > r.at {
			place--
		}
		c.histories[key][row[column]] = slices.Insert(history, place, r)
		own[key] = r
		made = append(made, r)
	}
	for i, in := range c.spec.Features {
		switch in.Operation {
		case Ratio:
			if right := c.value(in.Right, row, values) + in.Smoothing; right != 0 {
				values[i] = c.value(in.Left, row, values) / right
			}
		case Difference:
			values[i] = c.value(in.Left, row, values) - c.value(in.Right, row, values)
		case Product:
			values[i] = c.value(in.Left, row, values) * c.value(in.Right, row, values)
		default:
			column := map[string]int{"card": cardColumn, "shop": shopColumn}[in.Key]
			values[i] = c.aggregate(in, c.histories[in.Key][row[column]], own[in.Key])
		}
		if in.Transform == pipeline.Log1p {
			values[i] = math.Log1p(values[i])
		}
	}
	return values, made
}

func (c *chooser) value(name string, row, values []float64) float64 {
	if i, ok := c.names[name]; ok {
		return values[i]
	}
	return row[map[string]int{"at": atColumn, "card": cardColumn, "shop": shopColumn, "amount": centsColumn}[name]]
}

func (c *chooser) meets(w *pipeline.Where, r *chosenRecord) bool {
	if w == nil {
		return true
	}
	switch w.Label {
	case pipeline.PositiveLabel:
		if r.label != Positive {
			return false
		}
	case pipeline.NegativeLabel:
		if r.label == Positive || c.arriving && r.label == Unknown {
			return false
		}
	}
	if w.Value == "" {
		return true
	}
	v := c.value(w.Value, r.row, r.values)
	return (w.Is == nil || v == *w.Is) && (w.Above == nil || v > *w.Above) && (w.AtMost == nil || v <= *w.AtMost)
}

func (c *chooser) aggregate(in Input, history []*chosenRecord, own *chosenRecord) float64 {
	end := slices.Index(history, own) + 1
	compares := in.Aggregate == pipeline.ZScore || in.Aggregate == pipeline.RatioToMean
	switch {
	case in.ShiftMS > 0:
		for end = len(history); end > 0 && history[end-1].at > own.at-in.ShiftMS; {
			end--
		}
	case in.Before || compares || in.Aggregate == pipeline.TimeSinceLast:
		end--
	}
	begin := 0
	switch {
	case in.Rows > 0:
		begin = max(0, end-in.Rows)
	case in.WindowMS > 0:
		for begin < end && history[begin].at <= own.at-in.ShiftMS-in.WindowMS {
			begin++
		}
	}
	var all []past
	var last *chosenRecord
	run, runAge := 0.0, 0.0
	for _, r := range history[begin:end] {
		if !c.meets(in.Where, r) {
			run = 0
			continue
		}
		if run++; run == 1 {
			runAge = float64(own.at-r.at) / 1000
		}
		if c.arriving && in.Aggregate.OfLabels() && r.label == Unknown {
			continue
		}
		last = r
		other := r.row[shopColumn]
		if in.Key == "shop" {
			other = r.row[cardColumn]
		}
		all = append(all, past{at: r.at, cents: int64(math.Round(r.row[centsColumn] * 100)), other: other, label: r.label})
	}
	if run == 0 {
		runAge = 0
	}
	empty := 0.0
	if (in.Aggregate == pipeline.TimeSinceLast || in.Aggregate == pipeline.TimeSinceFirst) && in.WindowMS > 0 {
		empty = float64(in.WindowMS+in.ShiftMS) / 1000
	}
	if len(all) < in.MinRecords || len(all) == 0 {
		return empty
	}
	switch in.Aggregate {
	case pipeline.Median:
		var cents []int64
		for _, r := range all {
			cents = append(cents, r.cents)
		}
		slices.Sort(cents)
		n := len(cents)
		return float64(cents[(n-1)/2]+cents[n/2]) / 2 / 100
	case pipeline.Last:
		return c.value(in.Column, last.row, last.values)
	case pipeline.TimeSinceLast:
		return float64(own.at-all[len(all)-1].at) / 1000
	case pipeline.TimeSinceFirst:
		return float64(own.at-all[0].at) / 1000
	case pipeline.Run:
		return run
	case pipeline.RunAge:
		return runAge
	case pipeline.Share:
		positives := 0
		for _, r := range all {
			if r.label == Positive {
				positives++
			}
		}
		return float64(positives) / (float64(len(all)) + in.Smoothing)
	}
	plain := in
	plain.WindowMS, plain.ShiftMS = 0, 0
	self := past{at: own.at, cents: int64(math.Round(own.row[centsColumn] * 100))}
	if compares {
		all = append(all, self)
	}
	return reference(plain, all, false)
}

func same(t *rapid.T, spec Spec, row int, got, want []float64) {
	t.Helper()
	for f := range want {
		if math.Float64bits(got[f]) != math.Float64bits(want[f]) {
			in := spec.Features[f]
			t.Fatalf("row %d, feature %+v where %+v: %v, want %v", row, in, in.Where, got[f], want[f])
		}
	}
}
