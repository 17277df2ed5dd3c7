package dataset

import (
	"bytes"
	"reflect"
	"testing"
)

func TestParquetGivesBackTheTableInItsColumnOrder(t *testing.T) {
	table, err := Simulate(SimulateOptions{Rows: 2000, Seed: 1, FraudShare: 0.05})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := WriteParquet(&file, table); err != nil {
		t.Fatal(err)
	}
	got, err := ReadParquet(bytes.NewReader(file.Bytes()), int64(file.Len()), CreditCardColumns(), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, table) {
		t.Fatal("the table that was read differs from the one written")
	}
}
