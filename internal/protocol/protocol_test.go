package protocol

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/training"
	"temporal-streaming/pipelines"
)

// handbook is the Fraud Detection Handbook's data, which lies beside the project and not in it.
var handbook = sync.OnceValues(func() (*Data, error) {
	d, err := pipelines.Load("transactions")
	if err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "handbook", "transactions.parquet"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	table, err := dataset.ReadParquet(file, info.Size(), training.Columns(d.TrainingSchema()), dataset.ReadOptions{IgnoreExtra: true})
	if err != nil {
		return nil, err
	}
	return Open(d, table, bookDelay)
})

func handbookData(t *testing.T) *Data {
	t.Helper()
	data, err := handbook()
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skip("the handbook's data is not here; CI has it")
	} else if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFoldsAreTheBooksRowForRow(t *testing.T) {
	data := handbookData(t)
	folds, err := B.Folds(bookDelay, week, false)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct{ train, trainFrauds, test, testFrauds int }{
		{67_240, 598, 58_264, 385}, {66_975, 626, 57_937, 387}, {67_080, 568, 58_337, 408}, {67_049, 594, 57_604, 422},
	}
	if len(folds) != len(want) {
		t.Fatalf("%d folds, want %d", len(folds), len(want))
	}
	for i, f := range folds {
		train, test := data.train(f), data.test(f)
		got := struct{ train, trainFrauds, test, testFrauds int }{len(train), data.frauds(train), len(test), data.frauds(test)}
		if got != want[i] {
			t.Errorf("fold %d has %+v, want %+v", i+1, got, want[i])
		}
	}
	single, err := A.Folds(bookDelay, week, false)
	if err != nil || len(single) != 1 || single[0] != folds[0] {
		t.Errorf("protocol A has the folds %v, want the first of B's; %v", single, err)
	}
}

func TestAPerfectScorerFindsLessThanHalfAHundredCardsADay(t *testing.T) {
	data := handbookData(t)
	folds, err := B.Folds(bookDelay, week, false)
	if err != nil {
		t.Fatal(err)
	}
	mean := 0.0
	for _, f := range folds {
		test := data.test(f)
		perfect := make([]float64, len(test))
		for k, i := range test {
			if data.fraud[i] {
				perfect[k] = 1
			}
		}
		w, err := data.judge(f, test, perfect)
		if err != nil || w.AUC != 1 || w.AP != 1 {
			t.Errorf("a perfect scorer has AUC %v and AP %v; %v", w.AUC, w.AP, err)
		}
		mean += w.CP100 / float64(len(folds))
	}
	if math.Abs(mean-0.419) > 0.0005 {
		t.Errorf("a perfect scorer's CP@100 is %.4f, want .419", mean)
	}
}

func TestFifteenFeaturesInEighthsAndTailsAre139Inputs(t *testing.T) {
	data := handbookData(t)
	folds, err := A.Folds(bookDelay, week, false)
	if err != nil {
		t.Fatal(err)
	}
	cfg := training.NetworkConfig(data.Definition, 0)
	cfg.Bins, cfg.TailQuantiles, cfg.Ratios = 8, []float64{.98, .995, .999, .9997}, nil
	cfg.Epochs, cfg.Members, cfg.Stop, cfg.NegativeShare = 1, 1, model.StopNever, 0.05
	m, err := data.fit(context.Background(), folds[0], cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Preparation.Width(); got != 139 {
		t.Errorf("%d inputs, want 139", got)
	}
}

func TestProtocolCKeepsTheRowsOfBAndTrainsCloserToThem(t *testing.T) {
	b, err := B.Folds(bookDelay, week, false)
	if err != nil {
		t.Fatal(err)
	}
	c, err := C.Folds(day, 28*day, false)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c {
		if c[i].TestFrom != b[i].TestFrom || c[i].TestTo != b[i].TestTo {
			t.Errorf("fold %d is tested from %v, want %v", i+1, c[i].TestFrom, b[i].TestFrom)
		}
		if gap := c[i].TestFrom.Sub(c[i].TrainTo); gap != day || c[i].TrainTo.Sub(c[i].TrainFrom) != 28*day {
			t.Errorf("fold %d trains until %v before the test week, want a day", i+1, gap)
		}
	}
}

func TestTheFoldThatSaysWhenToStopIsOverBeforeTrainingEnds(t *testing.T) {
	for p, delay := range map[Protocol]time.Duration{B: bookDelay, C: day} {
		folds, err := p.Folds(delay, week, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range folds {
			if known := f.before(delay).TestTo.Add(delay); known.After(f.TestFrom) {
				t.Errorf("protocol %s: the labels of the fold before are known at %v, after the test week begins at %v", p, known, f.TestFrom)
			}
		}
	}
}
