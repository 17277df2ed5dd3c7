package dataset

import (
	"bytes"
	"crypto/sha256"
	"math"
	"slices"
	"testing"
)

func simulateTransactions(t *testing.T, opts TransactionOptions) Table {
	t.Helper()
	s, err := NewTransactionSimulation(opts)
	if err != nil {
		t.Fatal(err)
	}
	table := newTable(TransactionColumns())
	row := make([]float64, len(table.Columns))
	for s.Next(row) {
		for c, v := range row {
			table.Data[c] = append(table.Data[c], v)
		}
	}
	if err := table.Check(); err != nil {
		t.Fatal(err)
	}
	return table
}

func TestSimulatedTransactionsFollowThePublishedProcess(t *testing.T) {
	table := simulateTransactions(t, TransactionOptions{Rows: 351 * 1000, Seed: 7})
	n := float64(table.Len())
	times := column(t, table, "TX_DATETIME")
	if !slices.IsSorted(times) || table.Len() != 351_000 {
		t.Fatalf("%d rows, in order of time: %v", table.Len(), slices.IsSorted(times))
	}
	// The book's data: 183 days, 0.84 % frauds, mean amount 53.6, 9,585 transactions a day of 5,000 customers.
	if days := (times[table.Len()-1] - times[0]) / 86400; math.Abs(days-183) > 15 {
		t.Errorf("%.0f days, the book's data have 183", days)
	}
	var amount, frauds, large, night float64
	labels := column(t, table, "TX_FRAUD")
	for r, a := range column(t, table, "TX_AMOUNT") {
		amount += a / n
		frauds += labels[r] / n
		if a > 220 {
			large++
			if labels[r] != 1 {
				t.Fatalf("row %d of %v is no fraud", r, a)
			}
		}
		if math.Mod(times[r], 86400) < 6*3600 {
			night += 1 / n
		}
	}
	if frauds < 0.005 || frauds > 0.013 || amount < 48 || amount > 58 || large == 0 || night < 0.09 || night > 0.18 {
		t.Errorf("frauds %.4f, mean amount %.2f, %v large amounts, %.3f at night", frauds, amount, large, night)
	}
	t.Logf("frauds %.4f, mean amount %.2f, %v large amounts, %.3f at night", frauds, amount, large, night)
}

func TestTheSameSeedGivesTheSameTransactions(t *testing.T) {
	file := func(seed uint64) [sha256.Size]byte {
		var b bytes.Buffer
		w, err := NewParquetWriter(&b, TransactionColumns())
		if err != nil {
			t.Fatal(err)
		}
		if err := SimulateTransactionsTo(w, TransactionOptions{Rows: 5_000, Seed: seed}); err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(b.Bytes())
	}
	if once, again := file(1), file(1); once != again || once == file(2) {
		t.Error("files do not follow their seeds")
	}
}
