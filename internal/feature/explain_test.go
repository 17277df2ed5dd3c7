package feature

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"temporal-streaming/internal/pipeline"
)

// What is said of a record is what the engine has computed: the values are those of the whole table, and where a value is a number of
// records, the rows that are named, and those of them that are said to be positive, are as many.
func TestExplanationsAreOfWhatTheEngineHasComputed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyPipeline(t)
		p, err := ProgramOf(d)
		if err != nil {
			t.Fatal(err)
		}
		n := rapid.IntRange(1, 120).Draw(t, "rows")
		rows, texts, labels := randomPayments(rapid.Uint64().Draw(t, "seed"), n, 3_000)
		table := Table{Texts: texts, Labels: labels}
		for _, c := range d.StreamSchema() { // the columns that a feature is made of
			column := make([]float64, n)
			for i, row := range rows {
				column[i] = row[slices.Index([]string{"at", "card", "shop", "amount"}, c.Name)]
			}
			table.Columns = append(table.Columns, column)
		}
		if d.Labels == pipeline.AsTheyArrive {
			for i := range rows {
				table.KnownAt = append(table.KnownAt, rows[i][atColumn]+float64(rapid.SampledFrom([]int{-1, 0, 0, 3, 20}).Draw(t, "known")))
			}
		}
		replayed, err := p.Replay(table, ReplayOptions{})
		if err != nil {
			t.Fatal(err)
		}
		row := rapid.IntRange(0, n-1).Draw(t, "row")
		said, err := Explain(d, table, row)
		if err != nil {
			t.Fatal(err)
		}
		for f, in := range SpecOf(d).Features {
			value := replayed.X[row*p.Width()+f]
			if said[f].Feature != in.Name || said[f].Value != value {
				t.Fatalf("row %d: %+v, and the value of %s is %v", row, said[f], in.Name, value)
			}
			if in.MinRecords > 1 || in.Transform != pipeline.Identity {
				continue
			}
			switch in.Aggregate {
			case pipeline.Count:
				if float64(len(said[f].Rows)) != value || !strings.Contains(said[f].How, fmt.Sprintf(": %d record", len(said[f].Rows))) {
					t.Fatalf("row %d of %+v: %v, and the value of %+v is %v", row, rows[row], said[f], in, value)
				}
			case pipeline.Positives:
				if !strings.Contains(said[f].How, fmt.Sprintf(", %d of them known to be positive", int(value))) {
					t.Fatalf("row %d: %v, and the value of %+v is %v", row, said[f], in, value)
				}
			}
		}
	})
}
