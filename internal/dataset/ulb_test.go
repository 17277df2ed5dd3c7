package dataset

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// ulb opens a file of the public data set, which lies beside the project and not in it.
func ulb(t *testing.T, name string) Table {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "ulb", name))
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skip("the public data set is not here; CI has it")
	} else if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	table, err := ReadCSV(file, CreditCardColumns(), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestTheRealRowsAreReadWholeAndSplitByTime(t *testing.T) {
	table := ulb(t, "creditcard_uniform.csv.gz")
	frauds, err := table.Count("Class", 1)
	if err != nil || table.Len() != 22_654 || frauds != 492 {
		t.Fatalf("%d rows and %d frauds (%v), want 22654 and 492", table.Len(), frauds, err)
	}
	var cents float64
	labels := column(t, table, "Class")
	for r, amount := range column(t, table, "Amount") {
		if labels[r] == 1 {
			cents += math.Round(100 * amount)
		}
	}
	if cents != 6_012_797 {
		t.Errorf("the frauds amount to %v cents, want 6012797", cents)
	}
	parts, err := Split(table, "Time", Shares{Train: 0.6, Validation: 0.2, Test: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	for name, part := range map[string]struct {
		table Table
		share float64
	}{"training": {parts.Train, 0.6}, "validation": {parts.Validation, 0.2}, "test": {parts.Test, 0.2}} {
		frauds, err := part.table.Count("Class", 1)
		if err != nil || frauds < 50 {
			t.Errorf("%s part: %d frauds, %v", name, frauds, err)
		}
		if got := float64(part.table.Len()) / 22_654; math.Abs(got-part.share) > 0.001 {
			t.Errorf("%s part has %.4f of the rows, want %.4f", name, got, part.share)
		}
		t.Logf("%s part: %d rows, %d frauds", name, part.table.Len(), frauds)
	}
}

func TestTheRealRowsSurviveParquet(t *testing.T) {
	table := ulb(t, "creditcard_contiguous_first.csv.gz")
	if frauds, err := table.Count("Class", 1); err != nil || table.Len() != 7972 || frauds != 25 {
		t.Fatalf("%d rows and %d frauds (%v), want 7972 and 25", table.Len(), frauds, err)
	}
	got, err := readParquet(writeParquet(t, table), CreditCardColumns(), ReadOptions{})
	if err != nil || !reflect.DeepEqual(got, table) {
		t.Errorf("the rows changed: %v", err)
	}
}
