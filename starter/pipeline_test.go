package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"temporal-streaming/test/golden"
)

// payments are four transactions of one customer at one terminal: the first is a fraud, known a week later.
const payments = `TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD
10,2018-04-01T10:00:00Z,7,3,10.00,1
11,2018-04-01T22:00:00Z,7,3,20.00,0
12,2018-04-02T10:00:00Z,7,3,25.00,0
13,2018-04-08T23:00:00Z,7,3,1.50,0
`

func paymentsCSV(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "payments.csv")
	if err := os.WriteFile(path, []byte(payments), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFeaturesOfAFileNeedNoService(t *testing.T) {
	out := filepath.Join(t.TempDir(), "features.csv")
	r := newBench(t).run(t.Context(), "features", "transactions", "--in", paymentsCSV(t), "--out", out)
	if r.code != exitOK {
		t.Fatal(r.all())
	}
	written, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "features.csv", string(written))
}

func TestPipelineShowDrawsThePlan(t *testing.T) {
	golden.Compare(t, "pipeline-show.txt", newBench(t).run(t.Context(), "pipeline", "show", "transactions").all())
}

func TestPipelineExplainTellsWhereEachFeatureComesFrom(t *testing.T) {
	path := paymentsCSV(t)
	r := newBench(t).run(t.Context(), "pipeline", "explain", "transactions", "--record", "13", "--in", path)
	golden.Compare(t, "pipeline-explain.txt", r.all())
	r = newBench(t).run(t.Context(), "pipeline", "explain", "transactions-rich", "--record", "13", "--in", path)
	golden.Compare(t, "pipeline-explain-rich.txt", r.all())
	r = newBench(t).run(t.Context(), "pipeline", "explain", "transactions", "--record", "99", "--in", path)
	if r.code != exitFailed || !strings.Contains(r.stderr, "no record has TRANSACTION_ID = 99") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestPipelineCheckNamesWhatToMend(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("..", "pipelines", "transactions.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "transactions.yaml")
	check := func(text string) result {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return newBench(t).run(t.Context(), "pipeline", "check", path, "--json")
	}
	if r := check(string(source)); r.code != exitOK || !json.Valid([]byte(r.out)) {
		t.Error(r.all())
	}
	r := check(strings.Replace(string(source), "aggregate: share, key: TERMINAL_ID, over: [1d, 7d, 30d], shift: label_delay", "aggregate: share, key: TERMINAL_ID, over: [1d, 7d, 30d]", 1))
	if r.code != exitFailed || !strings.Contains(r.stderr, "write `shift: label_delay`") || !strings.Contains(r.stderr, "features[6].shift") {
		t.Error(r.all())
	}
	if r := check(strings.Replace(string(source), "name: transactions\n", "name: payments\n", 1)); r.code != exitFailed {
		t.Error(r.all())
	}
}

func TestSimulatedTransactionsHaveThePipelinesFeatures(t *testing.T) {
	dir := t.TempDir()
	made, out := filepath.Join(dir, "transactions-simulated.parquet"), filepath.Join(dir, "features.parquet")
	b := newBench(t)
	if r := b.run(t.Context(), "simulate", "transactions", "--rows", "5000", "--out", made, "--json"); r.code != exitOK || !strings.Contains(r.out, `"rows":5000`) {
		t.Fatal(r.all())
	}
	if r := b.run(t.Context(), "features", "transactions", "--in", made, "--out", out, "--json"); r.code != exitOK || !strings.Contains(r.out, `"rows":5000`) {
		t.Fatal(r.all())
	}
	if r := b.run(t.Context(), "simulate", "transactions", "--rows", "5000", "--out", made, "--fraud-share", "0.1"); r.code != exitUsage {
		t.Error(r.all())
	}
}
