package feature

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
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

func TestEveryChoiceOfRecordsEqualsTheReferenceBitForBit(t *testing.T) {
	whole := t
	rapid.Check(t, func(t *rapid.T) {
		const tolerance = 5_000
		seed := rapid.Uint64().Draw(t, "seed")
		spec := chosenPayments(seed, tolerance, pipeline.Delayed)
		p := paymentProgram(&testing.T{}, spec)
		rows, texts, labels := randomPayments(seed, rapid.IntRange(1, sweepBlock-1).Draw(t, "rows"), int64(rapid.SampledFrom([]int{0, 4_000, 9_000}).Draw(t, "behind")))
		states, c := newStates(p), newChooser(spec, false)
		values := make([]float64, p.Width())
		for i, row := range rows {
			for k, s := range states {
				if !s.Update(row, texts, labels[i], values) {
					t.Fatalf("row %d is unusable", i)
				}
				if i%50 == 49 { // what is read goes on as if nothing had happened
					read, err := s.stage.ReadState(bytes.NewReader(snapshotOf(whole, s)))
					if err != nil {
						t.Fatal(err)
					}
					states[k] = read
				}
			}
			p.Finish(row, values)
			want, _ := c.add(row, labels[i], tolerance)
			same(t, spec, i, values, want)
		}
	})
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

// Labels count from the moment they are known, and each finds its own record among those of its instant.
func TestChoicesByLabelsThatArriveEqualTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		spec := chosenPayments(seed, 1_000, pipeline.AsTheyArrive)
		p := paymentProgram(&testing.T{}, spec)
		rows, texts, labels := randomPayments(seed, rapid.IntRange(1, sweepBlock-1).Draw(t, "rows"), 0)
		slices.SortStableFunc(rows, func(a, b []float64) int { return int(a[atColumn] - b[atColumn]) })
		table := tableOf(rows, texts, labels)
		r := rand.New(rand.NewPCG(seed, 3))
		for i := range table.KnownAt {
			table.KnownAt[i] = rows[i][atColumn] + float64(r.IntN(20))
		}
		out, err := p.Replay(table, ReplayOptions{Workers: rapid.IntRange(1, 3).Draw(t, "workers")})
		if err != nil {
			t.Fatal(err)
		}
		c := newChooser(spec, true)
		made := make([][]*chosenRecord, len(rows))
		for i, row := range rows {
			for k := range i {
				if table.KnownAt[k] <= row[atColumn] {
					for _, r := range made[k] {
						r.label = labels[k]
					}
				}
			}
			var want []float64
			want, made[i] = c.add(row, Unknown, 1_000)
			same(t, spec, i, out.X[i*p.Width():(i+1)*p.Width()], want)
		}
	})
}

// The same, where labels are joined by their records' ids, before a window reaches them and in any order.
func TestChoicesByLabelsThatAreJoinedGiveTheSameBits(t *testing.T) {
	schema, err := record.NewSchema([]record.Field{
		{Name: "at", Kind: record.Time}, {Name: "card", Kind: record.Int}, {Name: "shop", Kind: record.Text},
		{Name: "amount", Kind: record.Decimal, Places: 2}, {Name: "id", Kind: record.Int},
	})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		seed := rapid.Uint64().Draw(r, "seed")
		spec := chosenPayments(seed, 2_000, pipeline.Delayed)
		told, err := NewProgram(spec, schema)
		if err != nil {
			r.Fatal(err)
		}
		joins, _ := NewProgram(spec, schema)
		if err := joins.IdentifyBy(schema, "id"); err != nil {
			r.Fatal(err)
		}
		rows, texts, labels := randomPayments(seed, rapid.IntRange(1, 500).Draw(r, "rows"), 1_500)
		withIDs(rows)
		due := make([][]int, len(rows)+1)
		for i, row := range rows {
			last := i + 1
			for last < len(rows) && rows[last][atColumn]-row[atColumn] < 10 {
				last++
			}
			at := rapid.IntRange(max(0, i-20), min(last, len(rows))).Draw(r, "due")
			due[at] = append(due[at], i)
		}
		want, got := make([]float64, told.Width()), make([]float64, told.Width())
		one, other := newStates(told), newStates(joins)
		for i, row := range rows {
			for _, l := range due[i] {
				if labels[l] == Positive {
					for _, s := range other {
						if !s.stage.LooksAtLabels() {
							continue
						}
						s.LearnByID(uint64(1_000_000+l), true, int64(rows[l][atColumn]*1000))
					}
				}
			}
			for k := range one {
				one[k].Update(row, texts, labels[i], want)
				other[k].Update(row, texts, Unknown, got)
			}
			same(r, spec, i, got, want)
			if i%100 == 99 {
				k := len(other) - 1
				if other[k], err = other[k].stage.ReadState(bytes.NewReader(snapshotOf(t, other[k]))); err != nil {
					r.Fatal(err)
				}
			}
		}
	})
}

func TestAChoosingRecordAllocatesNothing(t *testing.T) {
	rows, texts, labels := randomPayments(3, 20_000, 2_000)
	p := paymentProgram(t, chosenPayments(3, 2_000, pipeline.Delayed))
	states := newStates(p)
	values := make([]float64, p.Width())
	next := 0
	feed := func() {
		for _, s := range states {
			s.Update(rows[next], texts, labels[next], values)
		}
		p.Finish(rows[next], values)
		next++
	}
	for next < 15_000 {
		feed()
	}
	if n := testing.AllocsPerRun(4_000, feed); n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}

func TestTheMedianIsThatOfTheSortedValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(-20, 20), 1, 60).Draw(t, "values")
		sorted := slices.Sorted(slices.Values(values))
		n := len(sorted)
		if got, want := median(values), float64(sorted[(n-1)/2]+sorted[n/2])/2; got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

// A snapshot of version 3 can be read for good.
func TestTheGoldenSnapshotOfChosenRecordsIsStillRead(t *testing.T) {
	limit := 1.2
	spec := Spec{Format: FormatChosen, History: &History{Key: "card", EventTime: "at", ToleranceMS: 2_000, Labels: pipeline.Delayed}, Features: []Input{
		{Name: "usual", Aggregate: pipeline.Median, Column: "amount", Key: "card", Rows: 3, Before: true},
		{Name: "ratio", Operation: Ratio, Left: "amount", Right: "usual", Smoothing: 1},
		{Name: "frauds", Aggregate: pipeline.Positives, Key: "shop", WindowMS: 40_000, ShiftMS: 10_000, Where: &pipeline.Where{Value: "ratio", AtMost: &limit}},
		{Name: "run", Aggregate: pipeline.Run, Key: "shop", Rows: 4, ShiftMS: 10_000, Where: &pipeline.Where{Label: pipeline.NegativeLabel}},
		{Name: "before", Aggregate: pipeline.Last, Column: "ratio", Key: "shop", Rows: 1, Before: true},
	}}
	schema, err := record.NewSchema([]record.Field{
		{Name: "at", Kind: record.Time}, {Name: "card", Kind: record.Int}, {Name: "shop", Kind: record.Text},
		{Name: "amount", Kind: record.Decimal, Places: 2}, {Name: "id", Kind: record.Int},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewProgram(spec, schema)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.IdentifyBy(schema, "id"); err != nil {
		t.Fatal(err)
	}
	states, values := newStates(p), make([]float64, p.Width())
	rows, texts, _ := randomPayments(4, 40, 1_000)
	withIDs(rows)
	for i, row := range rows {
		for _, s := range states {
			s.Update(row, texts, Unknown, values)
		}
		if i%3 == 0 {
			states[1].LearnByID(uint64(1_000_000+i+2), true, int64(row[atColumn]*1000))
		}
	}
	golden(t, "snapshot-v3.hex", p.Stages()[1], states[1])
}
