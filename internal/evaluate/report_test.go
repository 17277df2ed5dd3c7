package evaluate

import (
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"reflect"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files of this package")

func TestScoresThatCannotBeJudgedAreRefused(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]struct {
		scores Scores
		want   error
	}{
		"no rows":              {Scores{}, ErrNoRows},
		"one class":            {Scores{Probability: []float64{0.1, 0.2}, Label: []bool{true, true}}, ErrOneClass},
		"one class has weight": {Scores{[]float64{0.1, 0.2}, []bool{true, false}, []float64{1, 0}}, ErrOneClass},
		"no weight at all":     {Scores{[]float64{0.1, 0.2}, []bool{true, false}, []float64{0, 0}}, ErrNoRows},
		"labels missing":       {Scores{Probability: []float64{0.1, 0.2}, Label: []bool{true}}, nil},
		"weights missing":      {Scores{[]float64{0.1, 0.2}, []bool{true, false}, []float64{1}}, nil},
		"probability NaN":      {Scores{[]float64{nan, 0.2}, []bool{true, false}, nil}, nil},
		"probability above 1":  {Scores{[]float64{1.1, 0.2}, []bool{true, false}, nil}, nil},
		"weight negative":      {Scores{[]float64{0.1, 0.2}, []bool{true, false}, []float64{1, -1}}, nil},
		"weight infinite":      {Scores{[]float64{0.1, 0.2}, []bool{true, false}, []float64{1, inf}}, nil},
		"weights overflow":     {Scores{[]float64{0.1, 0.2}, []bool{true, false}, []float64{math.MaxFloat64, math.MaxFloat64}}, nil},
	} {
		_, err := NewReport(c.scores, 0.5)
		if err == nil || (c.want != nil && !errors.Is(err, c.want)) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if _, err := NewCurves(c.scores); err == nil {
			t.Errorf("%s: curves were made", name)
		}
		if _, err := ChooseThreshold(c.scores, MaxF1, 0); err == nil {
			t.Errorf("%s: a threshold was chosen", name)
		}
	}
	if _, err := NewReport(ladder(), nan); err == nil {
		t.Error("a threshold of NaN was accepted")
	}
}

func TestAWeightOfTwoIsTheSameAsTheRowTwice(t *testing.T) {
	once, twice := drawScores(4, 300, 20, 0), Scores{}
	for i := range once.Probability {
		copies := 1 + i%3
		once.Weight[i] = float64(copies)
		for range copies {
			twice.Probability = append(twice.Probability, once.Probability[i])
			twice.Label = append(twice.Label, once.Label[i])
		}
	}
	a, err := NewReport(once, 0.01)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewReport(twice, 0.01)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range a.Metrics() {
		if other := b.Metrics()[i]; !near(m.Value, other.Value) && m.Name != "rows" && m.Name != "positive_rows" {
			t.Errorf("%s: %v with weights, %v with copies", m.Name, m.Value, other.Value)
		}
	}
	if a.Rows != once.Len() || b.Rows != twice.Len() {
		t.Errorf("rows %d and %d, want %d and %d", a.Rows, b.Rows, once.Len(), twice.Len())
	}
}

func TestReportDoesNotDependOnTheOrderOfRows(t *testing.T) {
	s := drawScores(5, 500, 20, 0)
	backwards := Scores{}
	for i := s.Len() - 1; i >= 0; i-- {
		backwards.Probability = append(backwards.Probability, s.Probability[i])
		backwards.Label = append(backwards.Label, s.Label[i])
		backwards.Weight = append(backwards.Weight, s.Weight[i])
	}
	a, errA := NewReport(s, 0.01)
	b, errB := NewReport(backwards, 0.01)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	for i, m := range a.Metrics() {
		if other := b.Metrics()[i]; !near(m.Value, other.Value) {
			t.Errorf("%s: %v forwards, %v backwards", m.Name, m.Value, other.Value)
		}
	}
}

func TestReportKeepsItsJSON(t *testing.T) {
	report, err := NewReport(ladder(), 0.6)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/report.golden.json"
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != string(want) {
		t.Errorf("the report's JSON changed (-update accepts it):\n%s", got)
	}
	var back Report
	if err := json.Unmarshal(got, &back); err != nil || !reflect.DeepEqual(back, report) {
		t.Errorf("the report does not read back: %v", err)
	}
}

func TestCompareSaysWhichModelIsBetterByEachMetric(t *testing.T) {
	good, err := NewReport(ladder(), 0.6)
	if err != nil {
		t.Fatal(err)
	}
	bad := good
	bad.AveragePrecision -= 0.1
	bad.Brier += 0.1
	want := map[string]Verdict{"average_precision": NewIsBetter, "brier_score": NewIsBetter}
	for _, d := range Compare(good, bad) {
		expected, ok := want[d.Metric]
		if !ok {
			expected = Equal
		}
		if d.Better != expected || d.Change != d.New-d.Champion {
			t.Errorf("new better: %+v, want %s", d, expected)
		}
	}
	for _, d := range Compare(bad, good) {
		if _, ok := want[d.Metric]; ok && d.Better != ChampionIsBetter {
			t.Errorf("champion better: %+v", d)
		}
	}
}
