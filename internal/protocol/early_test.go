package protocol

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/training"
	"temporal-streaming/pipelines"
)

// simulated is a small world of the handbook's kind.
func simulated(t *testing.T, rows int) *Data {
	t.Helper()
	d, err := pipelines.Load("transactions")
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	w, err := dataset.NewParquetWriter(&file, dataset.TransactionColumns())
	if err != nil {
		t.Fatal(err)
	}
	if err := dataset.SimulateTransactionsTo(w, dataset.TransactionOptions{Rows: rows, Customers: 170, Seed: 2}); err != nil {
		t.Fatal(err)
	}
	table, err := dataset.ReadParquet(bytes.NewReader(file.Bytes()), int64(file.Len()), training.Columns(d.TrainingSchema()), dataset.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := Open(d, table, bookDelay)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestARecipeThatStopsEarlyIsToldWhenByTheFoldBefore(t *testing.T) {
	data := simulated(t, 60_000)
	data.Definition.Training.Stop, data.Definition.Model.Patience, data.Definition.Model.Epochs = pipeline.StopEarly, 2, 6
	most := map[int]int{}
	first, err := data.Run(context.Background(), A, Options{Members: 2, Progress: func(p Progress) { most[p.Epoch.Member] = max(most[p.Epoch.Member], p.Epoch.Epochs) }})
	if err != nil {
		t.Fatal(err)
	}
	again, err := data.Run(context.Background(), A, Options{Members: 2})
	if err != nil || again.AP != first.AP || again.AUC != first.AUC || again.CP100 != first.CP100 {
		t.Errorf("two runs differ: %+v, %+v; %v", first, again, err)
	}
	if len(most) != 2 || most[1] != most[2] || most[1] < 1 || most[1] > 6 {
		t.Errorf("members trained for at most %v epochs, want the same number for both", most)
	}
}

func TestDataWithoutTheProtocolsWeeksAreRefused(t *testing.T) {
	data := simulated(t, 5_000) // ends in April
	if _, err := data.Run(context.Background(), B, Options{Members: 1}); !errors.Is(err, ErrRows) {
		t.Errorf("got %v, want ErrRows", err)
	}
	if _, err := data.Run(context.Background(), C, Options{Members: 1}); err == nil {
		t.Error("protocol C took features of a delay that it does not know")
	}
}
