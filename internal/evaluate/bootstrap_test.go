package evaluate

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestTheBootstrapHoldsTheFigureAndGrowsSurerWithRows(t *testing.T) {
	width := 0.0
	for _, n := range []int{40, 1000} {
		s := drawScores(3, 20*n, n, 0)
		report, err := NewReport(s, 0.01)
		if err != nil {
			t.Fatal(err)
		}
		u, _, err := Bootstrap([]Contender{{"model", s, 0.01}}, nil, 200, 1)
		if err != nil {
			t.Fatal(err)
		}
		for name, it := range map[string]struct {
			got  Interval
			want float64
		}{
			"average precision": {u.AveragePrecision, report.AveragePrecision}, "AUC": {u.ROCAUC, report.ROCAUC},
			"recall": {u.Recall, report.Recall}, "precision": {u.Precision, report.Precision},
		} {
			if !near(it.got.Value, it.want) || !(it.got.Low < it.want && it.want < it.got.High) {
				t.Errorf("%d positives: %s %+v, want around %v", n, name, it.got, it.want)
			}
		}
		if got := u.AveragePrecision.High - u.AveragePrecision.Low; width != 0 && math.Abs(width/got-5) > 2.5 {
			t.Errorf("with 25 times the rows the interval shrank by %v, want about 5", width/got)
		} else {
			width = got
		}
	}
}

func TestGroupsThatAreAlikeMakeFiguresLessSure(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	var s Scores
	var cards []int64
	for card := range 400 {
		hard, label := random.NormFloat64(), card%8 == 0
		for range 10 { // ten rows that are nearly one
			skill := -2 + hard
			if label {
				skill = 1 + hard
			}
			s.Probability, s.Label = append(s.Probability, 1/(1+math.Exp(-skill-0.1*random.NormFloat64()))), append(s.Label, label)
			cards = append(cards, int64(card))
		}
	}
	byCard, _, err := Bootstrap([]Contender{{"model", s, 0.5}}, cards, 300, 1)
	if err != nil {
		t.Fatal(err)
	}
	byRow, _, err := Bootstrap([]Contender{{"model", s, 0.5}}, nil, 300, 1)
	if err != nil {
		t.Fatal(err)
	}
	if c, r := byCard.ROCAUC.High-byCard.ROCAUC.Low, byRow.ROCAUC.High-byRow.ROCAUC.Low; c < 2*r {
		t.Errorf("the interval by cards is %v wide, by rows %v; want about 3 times", c, r)
	}
	if byCard.Groups != 400 || byRow.Groups != 4000 {
		t.Errorf("%d and %d groups, want 400 and 4000", byCard.Groups, byRow.Groups)
	}
}

func TestAModelHasNoAdvantageOverItself(t *testing.T) {
	s := drawScores(6, 500, 30, 0)
	worse := drawScores(6, 500, 30, -3)
	_, over, err := Bootstrap([]Contender{{"a", s, 0.1}, {"a again", s, 0.1}, {"worse", worse, 0.1}}, nil, 100, 2)
	if err != nil {
		t.Fatal(err)
	}
	if over[0].AveragePrecision != (Interval{}) || over[0].Over != "a again" {
		t.Errorf("over itself: %+v", over[0])
	}
	if over[1].AveragePrecision.Low <= 0 {
		t.Errorf("over a model that is clearly worse: %+v", over[1])
	}
}

func TestSlicesCountTheRowsOfEach(t *testing.T) {
	s := Scores{Probability: []float64{0.9, 0.2, 0.8, 0.1, 0.7}, Label: []bool{true, true, false, false, true}}
	got, err := NewSlices(s, 0.5, "day", []string{"Monday", "Tuesday", "Wednesday"}, []int{0, 0, 0, 2, -1})
	if err != nil {
		t.Fatal(err)
	}
	want := []Slice{
		{By: "day", Name: "Monday", Rows: 3, Positives: 2, Caught: 1, False: 1, Recall: 0.5, Precision: 0.5},
		{By: "day", Name: "Wednesday", Rows: 1},
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := NewSlices(s, 0.5, "day", []string{"Monday"}, []int{0, 0, 0, 2, -1}); err == nil {
		t.Error("a row in a slice without a name was accepted")
	}
}

func TestCostsFallWithTheThreshold(t *testing.T) {
	s := Scores{}
	var amounts []float64
	for i := range 1000 { // rows in falling order; every tenth is positive and costs 10, but for the first hundred, where all are
		s.Probability, s.Label = append(s.Probability, 1-float64(i)/1000), append(s.Label, i < 50 || i%10 == 0)
		amounts = append(amounts, 10)
	}
	costs, err := NewCosts(s, amounts, 10, 0.901)
	if err != nil {
		t.Fatal(err)
	}
	var chosen *Cost
	for i, c := range costs {
		if i > 0 && (c.Alerts <= costs[i-1].Alerts || c.Recall < costs[i-1].Recall || c.Threshold >= costs[i-1].Threshold) {
			t.Errorf("cost %d is %+v after %+v", i, c, costs[i-1])
		}
		if !near(c.Amount, c.Recall) {
			t.Errorf("all frauds cost the same, and the amount caught is %v at a recall of %v", c.Amount, c.Recall)
		}
		if c.Chosen {
			chosen = &costs[i]
		}
	}
	if costs[0].Alerts != 5 || costs[0].Precision != 1 {
		t.Errorf("the first cost is %+v, want 5 alerts a day, all right", costs[0])
	}
	if chosen == nil || !near(chosen.Alerts, 10) {
		t.Errorf("the chosen threshold's cost is %+v, want 10 alerts a day", chosen)
	}
}
