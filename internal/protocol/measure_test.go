package protocol

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"temporal-streaming/internal/evaluate"
)

func TestWhatIsExpectedIsTheMeanOverDraws(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const rows, draws = 4_000, 500
	truth, scores := make([]float64, rows), make([]float64, rows)
	for i := range truth {
		truth[i] = math.Pow(random.Float64(), 8)
		scores[i] = math.Round(100*(truth[i]+random.Float64()/4)) / 100 // with many equal ones
	}
	auc, ap := expected(scores, truth)
	meanAUC, meanAP := 0.0, 0.0
	s := evaluate.Scores{Probability: make([]float64, rows), Label: make([]bool, rows)}
	for i := range scores {
		s.Probability[i] = scores[i] / 2 // the order is all that counts
	}
	for range draws {
		for i := range truth {
			s.Label[i] = random.Float64() < truth[i]
		}
		r, err := evaluate.NewReport(s, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		meanAUC, meanAP = meanAUC+r.ROCAUC/draws, meanAP+r.AveragePrecision/draws
	}
	if math.Abs(auc-meanAUC) > 0.002 || math.Abs(ap-meanAP) > 0.003 {
		t.Errorf("expected AUC %.4f and AP %.4f, the mean of %d draws is %.4f and %.4f", auc, ap, draws, meanAUC, meanAP)
	}
}

func TestWhatIsCertainIsExpectedAsItIs(t *testing.T) {
	scores := []float64{.9, .8, .8, .8, .5, .5, .2, .1}
	truth := []float64{1, 0, 1, 1, 0, 1, 0, 0}
	s := evaluate.Scores{Probability: scores}
	for _, v := range truth {
		s.Label = append(s.Label, v == 1)
	}
	r, err := evaluate.NewReport(s, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	if auc, ap := expected(scores, truth); math.Abs(auc-r.ROCAUC) > 1e-12 || math.Abs(ap-r.AveragePrecision) > 1e-12 {
		t.Errorf("expected AUC %v and AP %v, want %v and %v", auc, ap, r.ROCAUC, r.AveragePrecision)
	}
}

func TestAnybodysProbabilitiesAreMeasuredOnTheWeeksOfAProtocol(t *testing.T) {
	data := *simulated(t, 60_000)
	labels, none := make([]float64, len(data.times)), make([]float64, len(data.times))
	for i, fraud := range data.fraud {
		if fraud {
			labels[i] = 1
		}
	}
	perfect, err := data.Measure(B, Options{}, labels)
	if err != nil || perfect.AUC != (Spread{1, 0}) || perfect.AP != (Spread{1, 0}) || len(perfect.Folds) != 4 || perfect.Expected != nil {
		t.Errorf("the labels themselves have %+v; %v", perfect, err)
	}
	data.Truth = labels
	blind, err := data.Measure(B, Options{Validation: true}, none)
	if err != nil || blind.AUC.Mean != 0.5 || blind.Expected == nil || math.Abs(blind.Expected.AUC.Mean-0.5) > 1e-12 || !blind.Validation {
		t.Errorf("who says the same of all has %+v; %v", blind, err)
	}
	if _, err := data.Measure(B, Options{}, labels[1:]); !errors.Is(err, ErrRows) {
		t.Errorf("got %v for too few probabilities, want ErrRows", err)
	}
	if _, err := data.Measure(C, Options{}, labels); err == nil {
		t.Error("protocol C took data of a delay that it does not know")
	}
}
