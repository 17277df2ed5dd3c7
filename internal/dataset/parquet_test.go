package dataset

import (
	"bytes"
	"errors"
	"math"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func writeParquet(t *testing.T, table Table) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := WriteParquet(&file, table); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func readParquet(file []byte, want []Column, opts ReadOptions) (Table, error) {
	return ReadParquet(bytes.NewReader(file), int64(len(file)), want, opts)
}

func TestParquetGivesBackTheTableInItsColumnOrder(t *testing.T) {
	table := simulate(t, SimulateOptions{Rows: rowGroupRows + 2000, Seed: 1, FraudShare: 0.05}) // two row groups
	got, err := readParquet(writeParquet(t, table), CreditCardColumns(), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, table) {
		t.Fatal("the table that was read differs from the one written")
	}
}

func TestParquetKeepsEveryBitOfANumber(t *testing.T) {
	table := Table{
		Columns: []Column{{Name: "x"}, {Name: "i", Kind: Int}},
		Data:    [][]float64{{math.MaxFloat64, math.SmallestNonzeroFloat64, math.Copysign(0, -1), 0.1}, {maxInt, -maxInt, 0, 7}},
	}
	got, err := readParquet(writeParquet(t, table), table.Columns, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for c := range table.Data {
		for r, want := range table.Data[c] {
			if math.Float64bits(got.Data[c][r]) != math.Float64bits(want) {
				t.Errorf("column %d, row %d: %v, want %v", c, r, got.Data[c][r], want)
			}
		}
	}
}

// However many rows are written, no more than a row group of them waits in memory.
func TestParquetWriterHoldsAtMostOneRowGroup(t *testing.T) {
	var file bytes.Buffer
	w, err := NewParquetWriter(&file, []Column{{Name: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	for r := range 3 * rowGroupRows {
		if err := w.WriteRow([]float64{math.Sqrt(float64(r))}); err != nil {
			t.Fatal(err)
		}
		if r%rowGroupRows == rowGroupRows-1 && len(w.pending[0]) != 0 || cap(w.pending[0]) > 2*rowGroupRows {
			t.Fatalf("after row %d: %d rows wait, in room for %d", r, len(w.pending[0]), cap(w.pending[0]))
		}
	}
	before := file.Len()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if rest := file.Len() - before; before < 10*rest {
		t.Errorf("%d bytes were out before Close and %d after: the rows were held back", before, rest)
	}
	if got, err := readParquet(file.Bytes(), []Column{{Name: "a"}}, ReadOptions{}); err != nil || got.Len() != 3*rowGroupRows {
		t.Errorf("%d rows read back, %v", got.Len(), err)
	}
}

// Encoders are pooled by the library; a file must not depend on what a pooled one has seen, nor on who else is writing.
func TestEqualTablesGiveEqualParquetBytes(t *testing.T) {
	table := simulate(t, SimulateOptions{Rows: 5000, Seed: 1})
	other := simulate(t, SimulateOptions{Rows: 3000, Seed: 2})
	want := writeParquet(t, table)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 2 {
				var a, b bytes.Buffer
				if err := errors.Join(WriteParquet(&b, other), WriteParquet(&a, table)); err != nil {
					t.Error(err)
				} else if !bytes.Equal(a.Bytes(), want) {
					t.Error("the same table gave other bytes")
				}
			}
		})
	}
	wait.Wait()
}

func TestParquetOfOtherToolsIsRead(t *testing.T) {
	file, err := os.ReadFile("testdata/foreign.parquet")
	if err != nil {
		t.Fatal(err)
	}
	want := []Column{
		{Name: "double"}, {Name: "bool", Kind: Int}, {Name: "int8", Kind: Int}, {Name: "uint32", Kind: Int}, {Name: "int64", Kind: Int},
		{Name: "uint64", Kind: Int}, {Name: "float"}, {Name: "decimal"}, {Name: "time", Kind: Int},
	}
	table, err := readParquet(file, want, ReadOptions{IgnoreExtra: true})
	if err != nil {
		t.Fatal(err)
	}
	for c, column := range want {
		if len(table.Data[c]) != 1000 {
			t.Fatalf("%s: %d rows, want 1000", column.Name, len(table.Data[c]))
		}
		for r, got := range table.Data[c] {
			expected := float64(r % 100)
			if column.Name == "bool" {
				expected = float64(r % 2)
			}
			if got != expected {
				t.Fatalf("%s, row %d: %v, want %v", column.Name, r, got, expected)
			}
		}
	}
}

func TestParquetThatDoesNotFitIsRefusedWithAReason(t *testing.T) {
	foreign, err := os.ReadFile("testdata/foreign.parquet")
	if err != nil {
		t.Fatal(err)
	}
	nulls, err := os.ReadFile("testdata/nulls.parquet")
	if err != nil {
		t.Fatal(err)
	}
	halves := writeParquet(t, Table{Columns: []Column{{Name: "a"}}, Data: [][]float64{{1, 2.5}}})
	for name, c := range map[string]struct {
		file []byte
		want []Column
		opts ReadOptions
		is   error
		says string
	}{
		"null":             {nulls, []Column{{Name: "a"}}, ReadOptions{}, ErrSchema, `column "a": row 2: schema mismatch: null`},
		"missing column":   {halves, []Column{{Name: "a"}, {Name: "b"}}, ReadOptions{}, ErrSchema, `missing columns: "b" (found: "a")`},
		"extra column":     {foreign, []Column{{Name: "double"}}, ReadOptions{}, ErrSchema, `unknown columns: "text"`},
		"text":             {foreign, []Column{{Name: "text"}}, ReadOptions{IgnoreExtra: true}, ErrSchema, `column "text" is of type STRING, not a number`},
		"not whole":        {halves, []Column{{Name: "a", Kind: Int}}, ReadOptions{}, ErrSchema, `column "a": row 1: schema mismatch: 2.5 is not a whole number`},
		"too many rows":    {halves, []Column{{Name: "a"}}, ReadOptions{MaxRows: 1}, ErrTooLarge, "2 rows"},
		"too many bytes":   {halves, []Column{{Name: "a"}}, ReadOptions{MaxBytes: 10}, ErrTooLarge, "limit"},
		"empty":            {nil, []Column{{Name: "a"}}, ReadOptions{}, ErrCorrupt, "0 bytes"},
		"not parquet":      {bytes.Repeat([]byte("x"), 100), []Column{{Name: "a"}}, ReadOptions{}, ErrCorrupt, "not a Parquet file"},
		"cut short":        {halves[:len(halves)-20], []Column{{Name: "a"}}, ReadOptions{}, ErrCorrupt, ""},
		"a huge footer":    {append(bytes.Clone(halves[:len(halves)-8]), 0xff, 0xff, 0xff, 0xff, 'P', 'A', 'R', '1'), []Column{{Name: "a"}}, ReadOptions{}, ErrCorrupt, "footer"},
		"no wanted column": {halves, nil, ReadOptions{}, ErrSchema, "no columns"},
	} {
		_, err := readParquet(c.file, c.want, c.opts)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %v with %q", name, err, c.is, c.says)
		}
	}
}

func TestWriteParquetRefusesATableThatIsNotWhole(t *testing.T) {
	for name, table := range map[string]Table{
		"no columns":  {},
		"two names":   {Columns: []Column{{Name: "a"}, {Name: "a"}}, Data: [][]float64{{1}, {2}}},
		"ragged":      {Columns: []Column{{Name: "a"}, {Name: "b"}}, Data: [][]float64{{1}, {2, 3}}},
		"NaN":         {Columns: []Column{{Name: "a"}}, Data: [][]float64{{math.NaN()}}},
		"half an int": {Columns: []Column{{Name: "a", Kind: Int}}, Data: [][]float64{{0.5}}},
		"large int":   {Columns: []Column{{Name: "a", Kind: Int}}, Data: [][]float64{{2 * maxInt}}},
	} {
		if err := WriteParquet(&bytes.Buffer{}, table); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Every byte of a small file is damaged in turn, which reaches the footer, page headers and levels better than chance.
func TestDamagedParquetNeverPanics(t *testing.T) {
	file := writeParquet(t, Table{Columns: []Column{{Name: "a"}, {Name: "b", Kind: Int}}, Data: [][]float64{{1, 2, 3}, {4, 5, 6}}})
	want := []Column{{Name: "a"}, {Name: "b", Kind: Int}}
	for i := range file {
		for _, damage := range []byte{0x00, 0x01, 0x7f, 0x80, 0xff} {
			damaged := bytes.Clone(file)
			damaged[i] ^= damage
			if table, err := readParquet(damaged, want, ReadOptions{MaxRows: 1000}); err == nil {
				if err := table.Check(); err != nil {
					t.Fatalf("byte %d ^ %#x: read a table that does not pass: %v", i, damage, err)
				}
			}
		}
	}
}

// The seeds are files of ours, whose pages hold plain values: mutations then explore the footer and the page headers,
// which is what checkPages guards, and not the run lengths inside a page, which nothing bounds (see ReadParquet).
func FuzzReadParquet(f *testing.F) {
	want := []Column{{Name: "a"}, {Name: "b", Kind: Int}}
	for _, rows := range []int{1, 3, 400} {
		table := Table{Columns: want, Data: [][]float64{make([]float64, rows), make([]float64, rows)}}
		for r := range rows {
			table.Data[0][r], table.Data[1][r] = float64(r)/7, float64(r)
		}
		var file bytes.Buffer
		if err := WriteParquet(&file, table); err != nil {
			f.Fatal(err)
		}
		f.Add(file.Bytes())
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		table, err := readParquet(file, want, ReadOptions{IgnoreExtra: true, MaxRows: 10_000})
		if err != nil {
			return
		}
		if err := table.Check(); err != nil || table.Len() == 0 {
			t.Fatalf("a table of %d rows was read that does not pass: %v", table.Len(), err)
		}
	})
}
