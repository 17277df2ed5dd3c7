package evaluate

import (
	"errors"
	"strings"
	"testing"
)

// ladder has precision 1, 1/2, 2/3, 3/4, 3/5 and recall 1/3, 1/3, 2/3, 1, 1 at thresholds .9, .8, .7, .6, .1.
func ladder() Scores {
	return Scores{
		Probability: []float64{0.1, 0.9, 0.8, 0.7, 0.6},
		Label:       []bool{false, true, false, true, true},
	}
}

func TestChooseThresholdFollowsItsPolicy(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		value  float64
		want   float64
	}{
		{MaxF1, 0, 0.6},
		{PrecisionAtLeast, 0.7, 0.6},  // .9 is more precise, .6 finds more
		{PrecisionAtLeast, 0.75, 0.6}, // at least means equal is enough
		{PrecisionAtLeast, 0.8, 0.9},
		{PrecisionAtLeast, 0.5, 0.6},  // .1 finds as much, but raises more alerts
		{RecallAtLeast, 0.3, 0.9},     // .8 has this recall too, and is less precise
		{RecallAtLeast, 2.0 / 3, 0.6}, // .6 is more precise than .7
		{RecallAtLeast, 1, 0.6},
	} {
		got, err := ChooseThreshold(ladder(), c.policy, c.value)
		if err != nil || got != c.want {
			t.Errorf("%s %v: got %v, %v; want %v", c.policy, c.value, got, err, c.want)
		}
	}
}

func TestChooseThresholdHoldsItsPromiseOnTheRowsItSaw(t *testing.T) {
	s := drawScores(3, 2000, 60, -1)
	for _, value := range []float64{0.1, 0.3, 0.5, 0.8, 0.95} {
		threshold, err := ChooseThreshold(s, PrecisionAtLeast, value)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := NewReport(s, threshold); err != nil || r.Precision < value {
			t.Errorf("precision %v at threshold %v (%v), want at least %v", r.Precision, threshold, err, value)
		}
		if threshold, err = ChooseThreshold(s, RecallAtLeast, value); err != nil {
			t.Fatal(err)
		}
		if r, err := NewReport(s, threshold); err != nil || r.Recall < value {
			t.Errorf("recall %v at threshold %v (%v), want at least %v", r.Recall, threshold, err, value)
		}
	}
}

func TestUnattainablePrecisionSaysWhatIsAttainable(t *testing.T) {
	s := Scores{Probability: []float64{0.9, 0.8, 0.7}, Label: []bool{false, true, false}}
	_, err := ChooseThreshold(s, PrecisionAtLeast, 0.9)
	if !errors.Is(err, ErrUnattainable) || !strings.Contains(err.Error(), "highest precision on these rows is 0.5000") {
		t.Fatalf("got %v", err)
	}
}

func TestPoliciesThatMakeNoSenseAreRefused(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		value  float64
	}{{"f2", 0}, {"", 0}, {PrecisionAtLeast, 0}, {PrecisionAtLeast, 1.1}, {RecallAtLeast, -1}} {
		if _, err := ChooseThreshold(ladder(), c.policy, c.value); err == nil {
			t.Errorf("policy %q with value %v was accepted", c.policy, c.value)
		}
	}
}
