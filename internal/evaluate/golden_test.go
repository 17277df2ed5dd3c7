package evaluate

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

const tolerance = 1e-12

type goldenCase struct {
	Name        string
	Probability []float64
	Label       []bool
	Weight      []float64
	Threshold   float64
	Want        map[string]float64
	Calibration []CalibrationBin
	BestF1      float64 `json:"best_f1"`
}

func (c goldenCase) scores() Scores { return Scores{c.Probability, c.Label, c.Weight} }

func goldenCases(t *testing.T) []goldenCase {
	t.Helper()
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Cases []goldenCase }
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) < 9 {
		t.Fatalf("%d golden cases, want at least 9", len(golden.Cases))
	}
	return golden.Cases
}

func near(got, want float64) bool { return math.Abs(got-want) <= tolerance*math.Max(1, math.Abs(want)) }

func TestMetricsEqualThoseOfScikitLearn(t *testing.T) {
	for _, c := range goldenCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			report, err := NewReport(c.scores(), c.Threshold)
			if err != nil {
				t.Fatal(err)
			}
			got := make(map[string]float64)
			for _, m := range report.Metrics() {
				got[m.Name] = m.Value
			}
			for name, want := range c.Want {
				if value, ok := got[name]; !ok || !near(value, want) {
					t.Errorf("%s = %v (reported: %v), want %v", name, value, ok, want)
				}
			}
		})
	}
}

func TestCalibrationBinsEqualAnIndependentComputation(t *testing.T) {
	for _, c := range goldenCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			report, err := NewReport(c.scores(), c.Threshold)
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Calibration) != len(c.Calibration) {
				t.Fatalf("%d bins, want %d", len(report.Calibration), len(c.Calibration))
			}
			for i, got := range report.Calibration {
				want := c.Calibration[i]
				if got.Low != want.Low || got.High != want.High || got.Rows != want.Rows ||
					!near(got.Weight, want.Weight) || !near(got.Predicted, want.Predicted) || !near(got.Observed, want.Observed) {
					t.Errorf("bin %d: got %+v, want %+v", i, got, want)
				}
				if got.ObservedLow > got.Observed || got.ObservedHigh < got.Observed {
					t.Errorf("bin %d: %v is outside its interval [%v, %v]", i, got.Observed, got.ObservedLow, got.ObservedHigh)
				}
			}
		})
	}
}

func TestMaxF1ChoosesAThresholdOfTheHighestF1(t *testing.T) {
	for _, c := range goldenCases(t) {
		threshold, err := ChooseThreshold(c.scores(), MaxF1, 0)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		report, err := NewReport(c.scores(), threshold)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if !near(report.F1, c.BestF1) {
			t.Errorf("%s: F1 %v at %v, want %v", c.Name, report.F1, threshold, c.BestF1)
		}
	}
}
