package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"temporal-streaming/internal/protocol"
)

func TestEvaluateMeasuresARecipeWithNoService(t *testing.T) {
	b, data := newBench(t), filepath.Join(t.TempDir(), "transactions-simulated.parquet")
	if r := b.run(t.Context(), "simulate", "transactions", "--rows", "60000", "--out", data); r.code != exitOK {
		t.Fatal(r.all())
	}
	r := b.run(t.Context(), "evaluate", "transactions", "--protocol", "b", "--members", "1", "--data", data, "--json")
	if r.code != exitOK {
		t.Fatal(r.all())
	}
	var result protocol.Result
	if err := json.Unmarshal([]byte(r.out), &result); err != nil {
		t.Fatal(err)
	}
	if len(result.Folds) != 4 || result.Folds[0].Test != "2018-08-08" || !(result.AUC.Mean > 0.6 && result.AUC.Mean < 1) || result.AP.Deviation == 0 {
		t.Errorf("got %+v", result)
	}
	again := b.run(t.Context(), "evaluate", "transactions", "--protocol", "a", "--members", "1", "--data", data)
	if again.code != exitOK || !strings.Contains(again.out, "2018-08-08") || strings.Contains(again.out, "2018-08-15") {
		t.Errorf("protocol a is not one week:\n%s", again.all())
	}
	if got := b.run(t.Context(), "evaluate", "transactions", "--protocol", "b", "--data", paymentsCSV(t)); got.code != exitFailed || !strings.Contains(got.stderr, "2018-04-01 to 2018-09-30") {
		t.Errorf("data of another time: %s", got.all())
	}
}

func TestEvaluateRefusesWhatNoProtocolKnows(t *testing.T) {
	for _, args := range [][]string{
		{"--protocol", "d", "--data", "x"}, {"--protocol", "b", "--delay", "1d", "--data", "x"}, {"--protocol", "a", "--validation", "--data", "x"},
		{"--protocol", "b", "--train", "soon", "--data", "x"}, {"--protocol", "b"},
	} {
		if r := newBench(t).run(t.Context(), append([]string{"evaluate", "transactions"}, args...)...); r.code != exitUsage {
			t.Errorf("%v: exit %d, want %d", args, r.code, exitUsage)
		}
	}
}
