package dataset

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestNoPartHoldsALabelThatWasUnknownWhenTheNextBegan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Float64Range(0, 100), 6, 200).Draw(t, "times")
		known := Knowledge{Delay: rapid.Float64Range(0, 15).Draw(t, "delay"), Span: rapid.Float64Range(20, 100).Draw(t, "span")}
		table := Table{Columns: []Column{{Name: "t"}}, Data: [][]float64{times}}
		cuts, err := Cut(table, "t", Shares{Train: 0.5, Validation: 0.3, Test: 0.2}, known)
		if err != nil {
			t.Skip(err)
		}
		at := func(k int) float64 { return times[cuts.Order[k]] }
		last := at(len(times) - 1)
		for k := range times {
			if k > 0 && at(k) < at(k-1) {
				t.Fatalf("row %d is out of order", k)
			}
			inside := func(r Range) bool { return k >= r.From && k < r.To }
			train := at(k) > last-known.Span && at(k) < cuts.ValidationFrom && at(k) <= cuts.ValidationFrom-known.Delay
			validation := at(k) >= cuts.ValidationFrom && at(k) < cuts.TestFrom && at(k) <= cuts.TestFrom-known.Delay
			if inside(cuts.Train) != train || inside(cuts.Validation) != validation || inside(cuts.Test) != (at(k) >= cuts.TestFrom) {
				t.Fatalf("the row at %v is in the wrong part of %+v", at(k), cuts)
			}
		}
	})
}

func TestWithoutDelayAndSpanCutsAreThoseOfSplit(t *testing.T) {
	table := Table{Columns: []Column{{Name: "t"}}, Data: [][]float64{{5, 3, 1, 2, 4, 4, 9, 8}}}
	shares := Shares{Train: 0.5, Validation: 0.25, Test: 0.25}
	cuts, err := Cut(table, "t", shares, Knowledge{})
	if err != nil {
		t.Fatal(err)
	}
	parts, err := Split(table, "t", shares)
	if err != nil {
		t.Fatal(err)
	}
	if cuts.Train.To != cuts.Validation.From || cuts.Validation.To != cuts.Test.From || cuts.Test.To != table.Len() ||
		parts.Train.Len() != cuts.Train.Len() || parts.Test.Len() != cuts.Test.Len() || parts.TestFrom != cuts.TestFrom {
		t.Errorf("cuts %+v, parts of %d, %d, %d", cuts, parts.Train.Len(), parts.Validation.Len(), parts.Test.Len())
	}
}

func TestADelayThatLeavesNothingToLearnFromIsAnError(t *testing.T) {
	table := Table{Columns: []Column{{Name: "t"}}, Data: [][]float64{{1, 2, 3, 4, 5, 6}}}
	_, err := Cut(table, "t", Shares{Train: 0.5, Validation: 0.25, Test: 0.25}, Knowledge{Delay: 10})
	if err == nil || errors.Is(err, ErrSchema) {
		t.Errorf("error %v", err)
	}
}
