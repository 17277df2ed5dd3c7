package model

import (
	"context"
	"math"
	"slices"
	"testing"
)

func TestAnEpochHasAllPositivesAndAFreshShareOfTheNegatives(t *testing.T) {
	rows, cfg := generated(1, 700), Config{NegativeShare: 0.2}.withDefaults()
	d := newDraw(rows, cfg)
	if want := int(math.Round(0.2 * float64(len(d.negatives)))); d.drawn != want {
		t.Fatalf("%d of %d negatives, want %d", d.drawn, len(d.negatives), want)
	}
	first, second := d.order(7, 0, 0), d.order(7, 0, 1)
	for _, order := range [][]int{first, second} {
		sorted := slices.Sorted(slices.Values(order))
		if len(order) != d.rows() || len(slices.Compact(sorted)) != d.rows() {
			t.Fatalf("%d rows, want %d different ones", len(order), d.rows())
		}
		for _, i := range d.positives {
			if !slices.Contains(order, i) {
				t.Errorf("positive row %d is not in the epoch", i)
			}
		}
	}
	common := 0
	for _, i := range first {
		if rows.Y[i] == 0 && slices.Contains(second, i) {
			common++
		}
	}
	if share := float64(common) / float64(d.drawn); share > 0.4 {
		t.Errorf("the second epoch has %.2f of the first one's negatives, want about 0.2", share)
	}
	if !slices.Equal(first, d.order(7, 0, 0)) || slices.Equal(first, d.order(7, 1, 0)) {
		t.Error("an epoch's rows are not a function of seed, member and epoch")
	}
}

func TestDrawnNegativesWeighAsMuchAsAllOfThem(t *testing.T) {
	rows := generated(1, 700)
	all, cfg := rows.trainingWeights(Config{}.withDefaults()), Config{NegativeShare: 0.25}.withDefaults()
	drawn, d := rows.trainingWeights(cfg), newDraw(rows, cfg)
	var sum, positive, allPositive float64
	for _, i := range d.order(1, 0, 0) {
		sum += float64(drawn[i])
		positive += float64(drawn[i] * rows.Y[i])
	}
	for i, w := range all {
		allPositive += float64(w * rows.Y[i])
	}
	if mean := sum / float64(d.rows()); math.Abs(mean-1) > 1e-5 {
		t.Errorf("the rows of an epoch weigh %v on average, want 1", mean)
	}
	if got, want := positive/sum, allPositive/float64(rows.Len()); math.Abs(got-want) > 1e-5 {
		t.Errorf("positives have a share of %v of the weight, want %v", got, want)
	}
}

func TestFitThatNeverStopsKeepsTheLastEpochAndNeedsNoValidation(t *testing.T) {
	cfg := smallConfig()
	cfg.Stop, cfg.Epochs, cfg.Members, cfg.Patience, cfg.NegativeShare = StopNever, 5, 2, 1, 0.5
	with, epochs, err := Fit(context.Background(), generated(1, 600), generated(2, 300), cfg, generatedNames, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	without, _, err := Fit(context.Background(), generated(1, 600), Rows{}, cfg, generatedNames, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(epochs) != 10 {
		t.Errorf("%d epochs, want 5 of 2 members", len(epochs))
	}
	if !slices.Equal(file(t, with), file(t, without)) {
		t.Error("validation rows changed a model that does not look at them")
	}
}

func TestTailQuantilesAreFurtherBins(t *testing.T) {
	sorted := make([]float64, 10_001)
	for i := range sorted {
		sorted[i] = float64(i)
	}
	cfg := Config{Bins: 4, TailQuantiles: []float64{0.9, 0.99}}
	var lows []float32
	for _, b := range quantileBins(0, sorted, cfg.edges()) {
		lows = append(lows, b.Low)
	}
	if want := []float32{0, 2500, 5000, 7500, 9000, 9900}; !slices.Equal(lows, want) {
		t.Errorf("bins begin at %v, want %v", lows, want)
	}
}
