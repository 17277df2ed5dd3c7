package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/job"
	"temporal-streaming/test/golden"
)

var errAway = fmt.Errorf("%w: connection refused", artifact.ErrUnavailable)

// smallCSV is a simulated file of the creditcard schema, 200 rows.
func smallCSV(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small-simulated.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := dataset.NewCSVWriter(f, dataset.CreditCardColumns())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(dataset.SimulateTo(w, dataset.SimulateOptions{Rows: 200, Seed: 1, FraudShare: 0.05}), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadStoresParquetAndMovesThePointer(t *testing.T) {
	b := newBench(t)
	r := b.run(t.Context(), "load", "creditcard", smallCSV(t), "--json")
	if r.code != exitOK {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	var printed, pointed job.Dataset
	if err := json.Unmarshal([]byte(r.out), &printed); err != nil {
		t.Fatalf("standard output is %q: %v", r.out, err)
	}
	pointer, err := b.store.GetNamed(t.Context(), "datasets/creditcard/current.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(pointer, &pointed); err != nil || pointed != printed {
		t.Errorf("pointer %+v (%v), printed %+v", pointed, err, printed)
	}
	if printed.Rows != 200 || printed.Positives != 10 || !printed.Simulated || printed.Source != "small-simulated.csv" {
		t.Errorf("loaded %+v", printed)
	}
	stored, err := b.store.Get(t.Context(), artifact.Ref(printed.Object))
	if err != nil {
		t.Fatal(err)
	}
	table, err := dataset.ReadParquet(bytes.NewReader(stored), int64(len(stored)), dataset.CreditCardColumns(), dataset.ReadOptions{})
	if err != nil || table.Len() != 200 {
		t.Errorf("stored object has %d rows: %v", table.Len(), err)
	}
}

func TestLoadScreen(t *testing.T) {
	text := newBench(t).run(t.Context(), "load", "creditcard", smallCSV(t)).all()
	// How Parquet is written is tested elsewhere and may change.
	for _, vary := range []struct{ pattern, mask string }{{`[0-9a-f]{2}/[0-9a-f]{64}/`, "DI/DIGEST/"}, {`[0-9a-f]{64}`, "DIGEST"}, {`[0-9.]+ kB`, "SIZE"}} {
		text = regexp.MustCompile(vary.pattern).ReplaceAllString(text, vary.mask)
	}
	golden.Compare(t, "load.txt", text)
}

func TestLoadedDatasetIsFoundByDigestKeyAndURI(t *testing.T) {
	b := newBench(t)
	var d job.Dataset
	if err := json.Unmarshal([]byte(b.run(t.Context(), "load", "creditcard", smallCSV(t), "--json").out), &d); err != nil {
		t.Fatal(err)
	}
	cfg, err := b.app.settings()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{d.Object.SHA256, d.Object.SHA256[:12], d.Object.Key, d.URI, strings.ToUpper(d.Object.SHA256)} {
		got, err := b.app.loadedDataset(t.Context(), cfg, "creditcard", name)
		if err != nil || *got != d {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for _, name := range []string{strings.Repeat("0", 64), d.Object.SHA256[:12] + "0000"} {
		if _, err := b.app.loadedDataset(t.Context(), cfg, "creditcard", name); err == nil {
			t.Errorf("%s was found", name)
		}
	}
}

func TestLoadRefusesWhatCannotBeTrainedOn(t *testing.T) {
	header := strings.Join(dataset.Table{Columns: dataset.CreditCardColumns()}.Names(), ",") + "\n"
	row := strings.TrimSuffix(strings.Repeat("1,", 30), ",")
	for name, content := range map[string]string{
		"one class":      header + row + ",0\n" + row + ",0\n",
		"missing column": strings.ReplaceAll(header, "Amount,", "") + row + "\n",
		"not a number":   header + strings.Repeat("1,", 29) + "much,0\n",
		"empty":          "",
	} {
		path := filepath.Join(t.TempDir(), "f.csv")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		b := newBench(t)
		if r := b.run(t.Context(), "load", "creditcard", path); r.code != exitFailed || len(strings.Split(strings.TrimSpace(r.stderr), "\n")) != 2 {
			t.Errorf("%s: exit %d: %s", name, r.code, r.stderr)
		}
		if _, err := b.store.GetNamed(t.Context(), job.CurrentDataset("creditcard")); !errors.Is(err, artifact.ErrNotFound) {
			t.Errorf("%s: the pointer moved", name)
		}
	}
}

func TestSimulateIsReproducible(t *testing.T) {
	for _, ext := range []string{"csv", "parquet"} {
		var files [2][]byte
		for i := range files {
			path := filepath.Join(t.TempDir(), "a-simulated."+ext)
			r := newBench(t).run(t.Context(), "simulate", "creditcard", "--out", path, "--rows", "300", "--seed", "5", "--fraud-share", "0.1", "--json")
			var s simulation
			if err := json.Unmarshal([]byte(r.out), &s); err != nil || s.Positives != 30 || !s.Simulated {
				t.Fatalf("%s: %+v, %v", ext, s, err)
			}
			var err error
			if files[i], err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(files[0], files[1]) {
			t.Errorf("%s: the same seed gave two different files", ext)
		}
	}
}

func TestInterruptedSimulationLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := newBench(t).run(ctx, "simulate", "creditcard", "--out", filepath.Join(dir, "x-simulated.csv")); r.code == exitOK {
		t.Error("exit 0")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
