package feature

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

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
