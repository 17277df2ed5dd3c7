package evaluate

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

func TestCardPrecisionEqualsThatOfPandas(t *testing.T) {
	data, err := os.ReadFile("testdata/cards.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Name        string
			Top         int
			Probability []float64
			Label       []bool
			Card, Day   []int64
			Want        []float64
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) < 4 {
		t.Fatalf("%d cases, want at least 4", len(golden.Cases))
	}
	for _, c := range golden.Cases {
		got, err := CardPrecision(Scores{Probability: c.Probability, Label: c.Label}, c.Card, c.Day, c.Top)
		if err != nil || !slices.Equal(got, c.Want) {
			t.Errorf("%s: %v, want %v; %v", c.Name, got, c.Want, err)
		}
	}
}

func TestCardPrecisionRefusesColumnsThatDoNotFit(t *testing.T) {
	s := Scores{Probability: []float64{0.5}, Label: []bool{true}}
	if _, err := CardPrecision(s, []int64{1, 2}, []int64{1}, 100); err == nil {
		t.Error("two cards for one row were accepted")
	}
	if _, err := CardPrecision(s, []int64{1}, []int64{1}, 0); err == nil {
		t.Error("a top of no cards was accepted")
	}
}
