package feature

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// anyPipeline draws a definition of features that the language accepts, with labels in every way it allows.
func anyPipeline(t *rapid.T) *pipeline.Definition {
	labels := rapid.SampledFrom([]pipeline.Arrival{pipeline.Delayed, pipeline.AsTheyArrive}).Draw(t, "labels")
	parse := func(features string) (*pipeline.Definition, error) {
		return pipeline.Parse("any.yaml", []byte(`name: any
schema:
  - {name: at, type: time}
  - {name: card, type: int}
  - {name: shop, type: text}
  - {name: amount, type: decimal(2)}
  - {name: bad, type: bool}
key: card
event_time: {column: at, tolerance: 2s}
label: {column: bad, positive: 1, delay: 10s}
labels: `+string(labels)+`
source: {topic: in}
sink: {topic: out}
features:
`+features))
	}
	features := "  - {name: hour, calendar: hour}\n  - {name: records_<window>, aggregate: count, over: [5s, 10s]}\n" +
		"  - {name: median, aggregate: median, column: amount, over: [3rows], before: true}\n  - {name: level, ratio: [amount, median], smoothing: 1}\n"
	for i := range rapid.IntRange(4, 16).Draw(t, "features") {
		one := fmt.Sprintf("  - {name: f%d_<window>, aggregate: %s, key: %s, over: [%s]", i,
			rapid.SampledFrom(everyAggregate).Draw(t, "aggregate"), rapid.SampledFrom([]string{"card", "shop"}).Draw(t, "key"),
			rapid.SampledFrom([]string{"5s", "5s, 40s", "all", "1rows, 4rows"}).Draw(t, "over")) +
			rapid.SampledFrom([]string{"", "", ", column: amount", ", column: shop", ", column: level"}).Draw(t, "column") +
			rapid.SampledFrom([]string{"", ", shift: 5s", ", shift: 10s", ", shift: label_delay", ", before: true"}).Draw(t, "shift") +
			rapid.SampledFrom([]string{"", "", ", where: {label: positive}", ", where: {label: negative, value: level, at_most: 1}",
				", where: {value: level, above: 0.7}", ", min_records: 2"}).Draw(t, "where") + "}\n"
		if _, err := parse(features + one); err == nil {
			features += one
		}
	}
	d, err := parse(features)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Whatever the language accepts: a feature stays the same to the bit when all that is only known later is changed.
func TestNoFeatureSeesTheFuture(t *testing.T) {
	cases, looked, ofLabels := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		d := anyPipeline(t)
		cases++
		if slices.ContainsFunc(d.Features, func(f pipeline.Feature) bool { return f.OfLabels() }) {
			ofLabels++
		}
		p := paymentProgram(&testing.T{}, SpecOf(d))
		seed := rapid.Uint64().Draw(t, "seed")
		n := rapid.IntRange(2, 300).Draw(t, "rows")
		rows, texts, labels := randomPayments(seed, n, 0)
		others, _, otherLabels := randomPayments(seed+1, n, 0)
		now := rapid.IntRange(0, n-1).Draw(t, "now")
		table, changed := tableOf(rows, texts, labels), tableOf(rows, texts, slices.Clone(labels))
		for i := range n {
			if i > now { // a later record, at its time but otherwise another
				for c := cardColumn; c <= centsColumn; c++ {
					changed.Columns[c][i] = others[i][c]
				}
			}
			known := rows[i][atColumn] + d.LabelDelay().Seconds()
			if d.Labels == pipeline.AsTheyArrive {
				known = rows[i][atColumn] + float64(int(others[i][centsColumn])%17)
				table.KnownAt[i], changed.KnownAt[i] = known, known
				known = max(known, rows[i][atColumn])
			}
			if i > now || known > rows[now][atColumn] {
				changed.Labels[i] = otherLabels[i]
				if d.Labels == pipeline.AsTheyArrive {
					changed.KnownAt[i] = rows[now][atColumn] + 1 + others[i][centsColumn]*others[i][centsColumn]
				}
			}
		}
		one, err := p.Replay(table, ReplayOptions{})
		if err != nil {
			t.Fatal(err)
		}
		other, err := p.Replay(changed, ReplayOptions{})
		if err != nil {
			t.Fatal(err)
		}
		until := (now + 1) * p.Width()
		if !slices.Equal(one.X[:until], other.X[:until]) {
			t.Fatalf("a feature of %v up to row %d sees what comes later", p.Names(), now)
		}
		if !slices.Equal(one.X[until:], other.X[until:]) {
			looked++
		}
	})
	wanted := looked*2 >= cases && ofLabels*10 >= cases
	if testing.Short() { // too few cases for shares of them to mean anything
		wanted = looked > 0 && ofLabels > 0
	}
	if !wanted {
		t.Errorf("of %d cases, the changes reached later features in %d, and %d had features of labels: this test sees nothing", cases, looked, ofLabels)
	}
}

// A program computes each feature in the stage that the plan gives it.
func TestAProgramHasTheStagesOfThePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyPipeline(t)
		p := paymentProgram(&testing.T{}, SpecOf(d))
		planned := d.Stages()
		if len(planned) != len(p.Stages()) {
			t.Fatalf("%d stages, and the plan has %v", len(p.Stages()), planned)
		}
		for i, s := range p.Stages() {
			var names []string
			for _, a := range s.aggregates {
				names = append(names, p.Names()[a.input])
			}
			if s.Key() != planned[i].Key || !slices.Equal(names, planned[i].Features) {
				t.Fatalf("stage %d of %s computes %v, and the plan says %+v", i, s.Key(), names, planned[i])
			}
		}
	})
}

// The check above can fail: a label that counts one record too early is found.
func TestALabelBeforeItsDelayWouldBeSeen(t *testing.T) {
	spec := payments(0, pipeline.Delayed)
	spec.Features = slices.DeleteFunc(spec.Features, func(in Input) bool { return in.Aggregate != pipeline.Share || in.ShiftMS > 0 })
	p := paymentProgram(t, spec)
	rows, texts, labels := randomPayments(1, 50, 0)
	one, err := p.Replay(tableOf(rows, texts, labels), ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	labels[49] = Positive + Negative - labels[49]
	other, err := p.Replay(tableOf(rows, texts, labels), ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(one.X, other.X) {
		t.Error("a share without a shift does not see the record's own label")
	}
}

func TestLabelsThatArriveCountFromTheMomentTheyAreKnown(t *testing.T) {
	spec := Spec{Format: FormatStateful, History: &History{Key: "card", EventTime: "at", Labels: pipeline.AsTheyArrive}, Features: []Input{
		{Name: "positives", Aggregate: pipeline.Positives, Key: "card", WindowMS: 100_000},
		{Name: "share", Aggregate: pipeline.Share, Key: "card", WindowMS: 100_000},
	}}
	p := paymentProgram(t, spec)
	texts := new(record.Texts)
	texts.Add([]byte("bakery"))
	table := Table{
		Columns: [][]float64{{10, 20, 30, 40, 120}, {1, 1, 1, 1, 1}, {0, 0, 0, 0, 0}, {1, 1, 1, 1, 1}},
		Texts:   texts, Labels: []Label{Positive, Negative, Unknown, Positive, Positive}, KnownAt: []float64{30, 35, 0, 41, 500},
	}
	out, err := p.Replay(table, ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// At 120 the record at 20 has left the window (20, 120], and with it the only negative label.
	if want := []float64{0, 0, 0, 0, 1, 1, 1, 0.5, 1, 1}; !slices.Equal(out.X, want) {
		t.Errorf("features %v, want %v", out.X, want)
	}
}

func TestLearnFindsNoLabelForARecordThatIsNotThere(t *testing.T) {
	p := paymentProgram(t, payments(0, pipeline.AsTheyArrive))
	s := shopStage(p).NewState()
	texts := new(record.Texts)
	texts.Add([]byte("bakery"))
	texts.Add([]byte("cinema"))
	row := []float64{100, 1, 0, 5}
	s.Update(row, texts, Unknown, make([]float64, p.Width()))
	for _, stray := range [][]float64{{100, 1, 1, 5}, {99, 1, 0, 5}, {101, 1, 0, 5}} {
		if s.Learn(stray, texts, 0, true) {
			t.Errorf("a label for %v was taken", stray)
		}
	}
	if !s.Learn(row, texts, 0, true) || s.Counters().Strayed != 3 {
		t.Errorf("counters %+v", s.Counters())
	}
}
