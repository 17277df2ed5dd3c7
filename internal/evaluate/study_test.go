package evaluate

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// drawScores makes scores like a model's on rare positives: skill moves the positives up.
func drawScores(seed uint64, negatives, positives int, skill float64) Scores {
	random := rand.New(rand.NewPCG(seed, 1))
	var s Scores
	add := func(logit float64, label bool, weight float64) {
		s.Probability = append(s.Probability, float64(float32(1/(1+math.Exp(-logit)))))
		s.Label = append(s.Label, label)
		s.Weight = append(s.Weight, weight)
	}
	for range negatives {
		add(-7.5+1.4*random.NormFloat64(), false, 12.83)
	}
	for range positives {
		add(skill+3*random.NormFloat64(), true, 1)
	}
	return s
}

func sampleStudy(t *testing.T) Study {
	t.Helper()
	model, err := NewResult("creditcard 8", drawScores(1, 4400, 75, 1), 0.1)
	if err != nil {
		t.Fatal(err)
	}
	champion, err := NewResult("champion, creditcard 7", drawScores(2, 4400, 75, -1), 0.05)
	if err != nil {
		t.Fatal(err)
	}
	study := Study{
		Subject: "creditcard, test part: 4,475 rows by time after the training rows", Model: model, Champion: &champion,
		Positive: "fraud", Negative: "genuine",
	}
	for member := range 3 {
		random := rand.New(rand.NewPCG(uint64(member), 2))
		for epoch := 1; epoch <= 24; epoch++ {
			fall := 0.02 * math.Exp(-float64(epoch)/4)
			study.Loss = append(study.Loss, LossPoint{
				Member: member, Epoch: epoch, Best: epoch == 12+3*member,
				Train:      0.002 + fall + 0.0004*random.Float64(),
				Validation: 0.004 + fall + 0.0004*random.Float64() + 0.00001*float64(epoch*epoch)/4,
			})
		}
	}
	return study
}

func TestPicturesAreReadablePNGsOfOneSizeAndAlwaysTheSame(t *testing.T) {
	study := sampleStudy(t)
	files, err := study.Pictures()
	if err != nil {
		t.Fatal(err)
	}
	again, err := study.Pictures()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"roc_curve_plot.png", "precision_recall_curve_plot.png", "calibration_curve_plot.png", "score_histogram.png", "confusion_matrix.png", "loss_curve.png"}
	if len(files) != len(want) {
		t.Fatalf("%d pictures, want %d", len(files), len(want))
	}
	for i, f := range files {
		if f.Name != want[i] {
			t.Errorf("picture %d is %s, want %s", i, f.Name, want[i])
		}
		if !bytes.Equal(again[i].Data, f.Data) {
			t.Errorf("%s differs from one drawing to the next", f.Name)
		}
		img, err := png.Decode(bytes.NewReader(f.Data))
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if size := img.Bounds().Size(); size.X != 900 || size.Y != 650 {
			t.Errorf("%s is %v, want 900x650", f.Name, size)
		}
		if dir := os.Getenv("PICTURES_DIR"); dir != "" { // for looking at them
			if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Extremes that a first training run may well give: no champion, nothing learned, one epoch or none, very long names.
func TestPicturesOfExtremesAreDrawn(t *testing.T) {
	constant := Scores{Probability: make([]float64, 40), Label: make([]bool, 40)}
	constant.Label[7] = true
	for name, c := range map[string]struct {
		scores Scores
		loss   []LossPoint
		want   int
	}{
		"constant": {constant, nil, 5}, // no loss curve without losses
		"perfect":  {Scores{Probability: []float64{0, 0, 1}, Label: []bool{false, false, true}}, []LossPoint{{Epoch: 1, Train: 0.5, Validation: 0.5, Best: true}}, 6},
	} {
		result, err := NewResult(strings.Repeat("long name ", 30), c.scores, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		study := Study{Subject: strings.Repeat("long subject ", 30), Model: result, Loss: c.loss}
		if files, err := study.Pictures(); err != nil || len(files) != c.want {
			t.Errorf("%s: %d pictures, %v", name, len(files), err)
		}
	}
}

func TestLossesThatAreNotFiniteAreAnErrorNotAPicture(t *testing.T) {
	study := sampleStudy(t)
	study.Loss[3].Train = math.Inf(1)
	if _, err := study.Pictures(); err == nil {
		t.Error("an infinite loss was drawn")
	}
}

func TestTablesReadBackToTheCurves(t *testing.T) {
	study := sampleStudy(t)
	files, err := study.Tables()
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string][]byte)
	for _, f := range files {
		byName[f.Name] = f.Data
	}
	records, err := csv.NewReader(bytes.NewReader(byName["precision_recall_curve.csv"])).ReadAll()
	if err != nil || len(records) != len(study.Model.Curves.PrecisionRecall)+1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for i, want := range study.Model.Curves.PrecisionRecall {
		var got PRPoint
		for k, at := range []*float64{&got.Threshold, &got.Precision, &got.Recall} {
			if *at, err = strconv.ParseFloat(records[i+1][k], 64); err != nil {
				t.Fatal(err)
			}
		}
		if got != want {
			t.Errorf("row %d: %+v, want %+v", i, got, want)
		}
	}
	var report struct {
		Champion   *struct{ Report Report }
		Comparison []Difference
	}
	if err := json.Unmarshal(byName["report.json"], &report); err != nil || report.Champion == nil || len(report.Comparison) == 0 {
		t.Errorf("report.json: %v, %+v", err, report)
	}
	if len(files) != 7 {
		t.Errorf("%d tables, want 7", len(files))
	}
}
