package feature

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// timelineTable is a table of payments with nothing but their times, labels, and when these are known.
func timelineTable(times []float64, labels []Label, known []float64) Table {
	return Table{Columns: [][]float64{times, make([]float64, len(times)), make([]float64, len(times)), make([]float64, len(times))}, Labels: labels, KnownAt: known}
}

// told writes moments as text: `2@30` is row 2 at 30, `2!35` its label at 35.
func told(moments []Moment) string {
	var words []string
	for _, m := range moments {
		sign := "@"
		if m.Label {
			sign = "!"
		}
		words = append(words, fmt.Sprint(m.Row, sign, m.At))
	}
	return strings.ReplaceAll(strings.Join(words, ","), " ", "")
}

func TestATimelineTellsRowsAndLabelsInTheOrderInWhichAStreamMeetsThem(t *testing.T) {
	withoutLabels := payments(0, pipeline.Delayed)
	withoutLabels.Features = slices.DeleteFunc(withoutLabels.Features, func(in Input) bool { return in.Aggregate.OfLabels() })
	stateless := Spec{Format: FormatVersion, Features: []Input{{Name: "amount", Column: "amount"}}}
	arriving, delayed := payments(0, pipeline.AsTheyArrive), payments(0, pipeline.Delayed)
	for name, c := range map[string]struct {
		spec   Spec
		times  []float64
		labels []Label
		known  []float64
		want   string
	}{
		"a label comes between the rows, before the one of its time": {arriving, []float64{10, 20, 30},
			[]Label{Positive, Negative, Unknown}, []float64{20, 25, 0}, "0@10,0!20,1@20,1!25,2@30"},
		"a label that is known before its row comes behind it, at its time": {arriving, []float64{10, 20, 30},
			[]Label{Unknown, Positive, Unknown}, []float64{0, 5, 0}, "0@10,1@20,1!20,2@30"},
		"what is known after the last row does not come": {arriving, []float64{10, 20},
			[]Label{Positive, Positive}, []float64{21, 20}, "0@10,1@20,1!20"},
		"labels of one time are in the order of their rows, not of the table": {arriving, []float64{20, 10, 50},
			[]Label{Positive, Positive, Unknown}, []float64{40, 40, 0}, "1@10,0@20,1!40,0!40,2@50"},
		"rows of one time are in the order of the table; a label comes once its own has been": {arriving, []float64{10, 10, 10},
			[]Label{Positive, Positive, Positive}, []float64{10, 10, 10}, "0@10,0!10,1@10,1!10,2@10,2!10"},
		"with a delay a label comes right behind its row, whenever it is known": {delayed, []float64{20, 10, 30},
			[]Label{Positive, Negative, Unknown}, []float64{99, 99, 99}, "1@10,1!10,0@20,0!20,2@30"},
		"labels that arrive without a time count at once": {arriving, []float64{10, 20},
			[]Label{Positive, Unknown}, nil, "0@10,0!10,1@20"},
		"without labels there are rows alone": {arriving, []float64{20, 10}, nil, nil, "1@10,0@20"},
		"labels that nothing looks at do not come": {withoutLabels, []float64{20, 10},
			[]Label{Positive, Positive}, []float64{20, 10}, "1@10,0@20"},
		"without a history the table's order stays": {stateless, []float64{20, 10}, nil, nil, "0@0,1@0"},
		"nothing has no moments":                    {arriving, nil, nil, nil, ""},
	} {
		line, err := paymentProgram(t, c.spec).Timeline(timelineTable(c.times, c.labels, c.known))
		if err != nil {
			t.Fatal(err)
		}
		if got := told(slices.Collect(line.Moments())); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", name, got, c.want)
		}
		for most := range 4 { // a reader may stop anywhere
			var some []Moment
			for m := range line.Moments() {
				if some = append(some, m); len(some) > most {
					break
				}
			}
			if got := told(some); !strings.HasPrefix(c.want, got) {
				t.Errorf("%s: the first %d are %s", name, most+1, got)
			}
		}
	}
	if _, err := paymentProgram(t, arriving).Timeline(timelineTable([]float64{1}, []Label{Positive, Positive}, nil)); err == nil {
		t.Error("a table with more labels than rows has a timeline")
	}
}

// The order by its definition, each label looked up among all rows.
func TestTheMomentsOfAnyTableAreInTheOrderThatIsPromised(t *testing.T) {
	p := paymentProgram(t, payments(0, pipeline.AsTheyArrive))
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.SliceOfN(rapid.IntRange(0, 12), 1, 40).Draw(t, "times")
		times, known, labels := make([]float64, len(at)), make([]float64, len(at)), make([]Label, len(at))
		for i := range at {
			times[i], known[i] = float64(at[i]), float64(at[i]+rapid.IntRange(-2, 6).Draw(t, "known"))
			labels[i] = rapid.SampledFrom([]Label{Unknown, Positive, Negative}).Draw(t, "label")
		}
		order := make([]int, len(at))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(times[a], times[b]) })
		behind := make([][]Moment, len(at)) // the row at each place
		for place, row := range order {
			l := Moment{Row: row, Label: true, At: max(known[row], times[row])}
			for q := place + 1; q <= len(order) && labels[row] != Unknown; q++ {
				if q < len(order) && times[order[q]] >= l.At || q == len(order) && times[order[q-1]] >= l.At {
					behind[q-1] = append(behind[q-1], l)
					break
				}
			}
		}
		var want []Moment
		for place, row := range order {
			slices.SortStableFunc(behind[place], func(a, b Moment) int { return cmp.Compare(a.At, b.At) })
			want = append(append(want, Moment{Row: row, At: times[row]}), behind[place]...)
		}
		line, err := p.Timeline(timelineTable(times, labels, known))
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Collect(line.Moments()); !slices.Equal(got, want) {
			t.Fatalf("%s, want\n%s", told(got), told(want))
		}
		for most := range len(order) + 2 {
			if rows := line.Rows(most); !slices.Equal(rows, order[:min(most, len(order))]) {
				t.Fatalf("the first %d rows are %v of %v", most, rows, order)
			}
		}
	})
}

// A replay goes from key to key and has an order of its own for the labels of each; it comes to the bits of a history that goes
// through the timeline.
func TestAReplayFollowsTheTimeline(t *testing.T) {
	schema, err := record.NewSchema([]record.Field{
		{Name: "at", Kind: record.Time}, {Name: "card", Kind: record.Int}, {Name: "shop", Kind: record.Text},
		{Name: "amount", Kind: record.Decimal, Places: 2}, {Name: "id", Kind: record.Int},
	})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		spec := payments(0, rapid.SampledFrom([]pipeline.Arrival{pipeline.Delayed, pipeline.AsTheyArrive}).Draw(t, "labels"))
		arriving := spec.History.Labels == pipeline.AsTheyArrive
		if !arriving { // a label that counts at once counts for its own row, too; it comes behind it here
			spec.Features = slices.DeleteFunc(spec.Features, func(in Input) bool { return in.Aggregate.OfLabels() && in.ShiftMS == 0 })
		}
		p, err := NewProgram(spec, schema)
		if err == nil {
			err = p.IdentifyBy(schema, "id")
		}
		if err != nil {
			t.Fatal(err)
		}
		rows, texts, labels := randomPayments(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 400).Draw(t, "rows"), 3_000)
		withIDs(rows)
		table := tableOf(rows, texts, labels)
		for i := range rows {
			if table.KnownAt[i] = rows[i][atColumn] + float64(rapid.IntRange(-1, 20).Draw(t, "known")); rapid.IntRange(0, 4).Draw(t, "never") == 0 {
				labels[i] = Unknown
			}
		}
		replayed, err := p.Replay(table, ReplayOptions{Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		line, err := p.Timeline(table)
		if err != nil {
			t.Fatal(err)
		}
		states, values := newStates(p), make([]float64, p.Width())
		for m := range line.Moments() {
			if m.Label {
				for i, s := range p.Stages() {
					if s.LooksAtLabels() && (arriving || labels[m.Row] == Positive) {
						states[i].LearnByID(uint64(1_000_000+m.Row), labels[m.Row] == Positive, int64(m.At*1000))
					}
				}
				continue
			}
			clear(values)
			for _, s := range states {
				s.Update(rows[m.Row], texts, Unknown, values)
			}
			p.Finish(rows[m.Row], values)
			same(t, spec, m.Row, replayed.X[m.Row*p.Width():(m.Row+1)*p.Width()], values)
		}
	})
}
