package dataset

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
)

var thirds = Shares{Train: 0.6, Validation: 0.2, Test: 0.2}

// timed makes a table of the given times, with the row's number beside each.
func timed(times ...float64) Table {
	ids := make([]float64, len(times))
	for i := range ids {
		ids[i] = float64(i)
	}
	return Table{Columns: []Column{{Name: "id", Kind: Int}, {Name: "t"}}, Data: [][]float64{ids, times}}
}

func TestSplitCutsByTimeAndKeepsTiesTogether(t *testing.T) {
	for name, c := range map[string]struct {
		times                   []float64
		train, validation, test []float64 // ids
	}{
		"in order":               {[]float64{1, 2, 3, 4, 5}, []float64{0, 1, 2}, []float64{3}, []float64{4}},
		"out of order":           {[]float64{5, 4, 3, 2, 1}, []float64{4, 3, 2}, []float64{1}, []float64{0}},
		"ties are stable":        {[]float64{2, 1, 2, 1, 3, 4}, []float64{1, 3, 0, 2}, []float64{4}, []float64{5}},
		"a tie over a cut":       {[]float64{1, 2, 3, 3, 5}, []float64{0, 1}, []float64{2, 3}, []float64{4}},
		"a tie from the start":   {[]float64{1, 1, 1, 1, 5, 6}, []float64{0, 1, 2, 3}, []float64{4}, []float64{5}},
		"a tie over second part": {[]float64{1, 2, 3, 4, 4, 4, 4, 4, 9, 10}, []float64{0, 1, 2}, []float64{3, 4, 5, 6, 7}, []float64{8, 9}},
	} {
		parts, err := Split(timed(c.times...), "t", thirds)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for part, want := range map[*Table][]float64{&parts.Train: c.train, &parts.Validation: c.validation, &parts.Test: c.test} {
			if !reflect.DeepEqual(part.Data[0], want) {
				t.Errorf("%s: a part has rows %v, want %v", name, part.Data[0], want)
			}
		}
	}
}

func TestSplitNeverTrainsOnTheFuture(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		times := make([]float64, 3+random.IntN(60))
		for i := range times {
			times[i] = float64(random.IntN(1 + random.IntN(40)))
		}
		table := timed(times...)
		parts, err := Split(table, "t", thirds)
		if err != nil {
			continue // too few distinct times
		}
		if n := parts.Train.Len() + parts.Validation.Len() + parts.Test.Len(); n != len(times) {
			t.Fatalf("%v: %d rows in parts, want %d", times, n, len(times))
		}
		seen := make(map[float64]bool)
		check := func(part Table, from, to float64) {
			if part.Len() == 0 {
				t.Fatalf("%v: an empty part", times)
			}
			for r, at := range part.Data[1] {
				if id := part.Data[0][r]; seen[id] || times[int(id)] != at {
					t.Fatalf("%v: row %v is there twice or changed", times, id)
				}
				seen[part.Data[0][r]] = true
				if at < from || at >= to {
					t.Fatalf("%v: time %v is not in [%v, %v)", times, at, from, to)
				}
			}
		}
		check(parts.Train, 0, parts.ValidationFrom)
		check(parts.Validation, parts.ValidationFrom, parts.TestFrom)
		check(parts.Test, parts.TestFrom, 1000)
	}
}

func TestSplitLeavesTheTableAlone(t *testing.T) {
	table, before := timed(5, 4, 3, 2, 1), timed(5, 4, 3, 2, 1)
	parts, err := Split(table, "t", thirds)
	if err != nil {
		t.Fatal(err)
	}
	parts.Train.Data[0][0] = 99
	if !reflect.DeepEqual(table, before) {
		t.Error("the table changed")
	}
}

func TestSplitRefusesWhatCannotBeCutInThree(t *testing.T) {
	for name, c := range map[string]struct {
		table  Table
		by     string
		shares Shares
	}{
		"two rows":       {timed(1, 2), "t", thirds},
		"one time":       {timed(1, 1, 1, 1, 1, 1), "t", thirds},
		"two times":      {timed(1, 1, 1, 2, 2, 2), "t", thirds},
		"no such column": {timed(1, 2, 3), "when", thirds},
		"no rows":        {timed(), "t", thirds},
		"no test part":   {timed(1, 2, 3), "t", Shares{0.8, 0.2, 0}},
		"too much":       {timed(1, 2, 3), "t", Shares{0.8, 0.2, 0.2}},
		"zero table":     {Table{}, "t", thirds},
	} {
		if _, err := Split(c.table, c.by, c.shares); err == nil {
			t.Errorf("%s was split", name)
		}
	}
	if _, err := Split(timed(1, 2, 3), "when", thirds); !errors.Is(err, ErrSchema) {
		t.Errorf("no such column: %v", err)
	}
}
