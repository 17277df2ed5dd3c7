package training

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/evaluate"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/pipelines"
)

// trained runs the steps of training on simulated transactions up to Fit, without any server, and gathers what Log would.
func trained(t *testing.T) (*Trainer, *evidence) {
	t.Helper()
	ctx := context.Background()
	d, err := pipelines.Load("transactions")
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	w, err := dataset.NewParquetWriter(&table, dataset.TransactionColumns())
	if err != nil {
		t.Fatal(err)
	}
	if err := dataset.SimulateTransactionsTo(w, dataset.TransactionOptions{Rows: 60_000, Seed: 4}); err != nil {
		t.Fatal(err)
	}
	trainer := &Trainer{Store: artifact.NewMemory(0), Pipeline: func(string) (*pipeline.Definition, error) { return d, nil }}
	ref, err := trainer.Store.Put(ctx, "datasets/transactions", "simulated.parquet", table.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	read, err := dataset.ReadParquet(bytes.NewReader(table.Bytes()), int64(table.Len()), Columns(d.TrainingSchema()), dataset.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	positives, err := read.Count("TX_FRAUD", 1)
	if err != nil {
		t.Fatal(err)
	}
	set := job.Dataset{Name: d.Name, Object: job.Object(ref), Rows: int64(read.Len()), Positives: int64(positives), Simulated: true}
	ingested, err := trainer.Ingest(ctx, job.TrainRequest{Pipeline: d.Name, Dataset: &set})
	if err != nil {
		t.Fatal(err)
	}
	engineered, err := trainer.Engineer(ctx, ingested)
	if err != nil {
		t.Fatal(err)
	}
	fitted, err := trainer.Fit(ctx, job.FitRequest{Ingested: ingested, Engineered: engineered, Checkpoint: "checkpoints/test"}, func(job.FitProgress) {})
	if err != nil {
		t.Fatal(err)
	}
	r := &evidence{req: job.LogRequest{Ingested: ingested, Engineered: engineered, Fitted: fitted, Started: time.Unix(0, 0)}, definition: d}
	onnx, err := trainer.Store.Get(ctx, artifact.Ref(fitted.Model))
	if err != nil {
		t.Fatal(err)
	}
	if r.model, err = model.ReadONNX(onnx); err != nil {
		t.Fatal(err)
	}
	for part, into := range map[job.Part]*evaluate.Result{engineered.Test: &r.test, engineered.Validation: &r.validation} {
		m, err := trainer.matrix(ctx, part)
		if err != nil {
			t.Fatal(err)
		}
		if *into, err = evaluate.NewResult("new model", scores(r.model, m), float64(r.model.Threshold)); err != nil {
			t.Fatal(err)
		}
	}
	if r.baseline, err = trainer.baseline(ctx, r.req); err != nil {
		t.Fatal(err)
	}
	return trainer, r
}

func TestTheReportAnswersAtAGlance(t *testing.T) {
	trainer, r := trained(t)
	var err error
	if r.findings, err = trainer.find(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	f := r.findings
	if ap := f.uncertainty.AveragePrecision; math.Abs(ap.Value-r.test.Report.AveragePrecision) > 1e-12 || !(ap.Low < ap.Value && ap.Value < ap.High) {
		t.Errorf("average precision %v has the interval %+v", r.test.Report.AveragePrecision, ap)
	}
	if f.uncertainty.Groups < 100 || f.uncertainty.Groups >= r.test.Report.Rows {
		t.Errorf("%d groups of %d rows; want one for each card", f.uncertainty.Groups, r.test.Report.Rows)
	}
	if len(f.advantages) != 1 || f.advantages[0].Over != "logistic regression" {
		t.Errorf("advantages %+v, want one over the baseline", f.advantages)
	}
	for _, by := range []string{evaluate.ByAmount, evaluate.ByDay} {
		rows, caught := 0, 0
		for _, it := range f.slices {
			if it.By == by {
				rows, caught = rows+it.Rows, caught+it.Caught
			}
		}
		if rows != r.test.Report.Rows || caught != r.test.Report.Confusion.TruePositives {
			t.Errorf("slices by %s have %d rows and %d found, want %d and %d", by, rows, caught, r.test.Report.Rows, r.test.Report.Confusion.TruePositives)
		}
	}
	if !slices.ContainsFunc(f.costs, func(c evaluate.Cost) bool { return c.Chosen }) || len(f.importance) != len(r.model.Features) {
		t.Errorf("%d costs, %d importances", len(f.costs), len(f.importance))
	}
	study := r.study()
	pictures, err := study.Pictures()
	if err != nil {
		t.Fatal(err)
	}
	page, err := study.Page("Training of transactions", pictures)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"logistic regression", "simulated data", "Where it fails", "What threshold costs what", "data:image/png;base64,", "resamples of"} {
		if !strings.Contains(string(page.Data), want) {
			t.Errorf("the page says nothing of %q", want)
		}
	}
	if dir := os.Getenv("REPORT_TO"); dir != "" { // for people who want to look at it
		for _, f := range append(pictures, page) {
			if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestKindsAreThoseOfPositiveRows(t *testing.T) {
	names, number := kindsOf("SCENARIO", []float64{0, 3, 1, 0, 3}, []bool{false, true, true, false, true})
	if !slices.Equal(names, []string{"SCENARIO 1", "SCENARIO 3"}) || !slices.Equal(number, []int{-1, 1, 0, -1, 1}) {
		t.Errorf("got %v, %v", names, number)
	}
}

func TestAmountsAreCutAtRoundNumbers(t *testing.T) {
	var amounts []float64
	for i := range 1000 {
		amounts = append(amounts, float64(i)/10) // 0 to 99.9
	}
	names, number := bands(amounts)
	if names[0] != "below 1" && names[0] != "below 2" || names[len(names)-1] != "from 50" || number[500] != len(names)-1 || number[0] != 0 {
		t.Errorf("bands %v, 50 is in %d", names, number[500])
	}
	if names, number := bands([]float64{7, 7, 7}); !slices.Equal(names, []string{"all"}) || !slices.Equal(number, []int{0, 0, 0}) {
		t.Errorf("equal amounts: %v, %v", names, number)
	}
}
