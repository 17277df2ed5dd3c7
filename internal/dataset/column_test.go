package dataset

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"temporal-streaming/internal/record"
)

// payments has a column of every kind.
func payments() []Column {
	return []Column{
		ColumnOf("id", "int"), ColumnOf("at", "time"), ColumnOf("card", "text"), ColumnOf("amount", "decimal(2)"),
		ColumnOf("online", "bool"), ColumnOf("score", "float"),
	}
}

const paymentText = `id,at,card,amount,online,score
1,2018-04-01T00:00:31Z,"a ""b"", c",311.40000000000003,true,0.5
2,2018-04-01 02:00:31+02:00,,12,FALSE,-1e3
3,1522540831.5,"a ""b"", c",-0.05,1,7
`

func TestEveryKindSurvivesCSVAndParquet(t *testing.T) {
	table, err := ReadCSV(strings.NewReader(paymentText), payments(), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]float64{{1, 2, 3}, {1522540831, 1522540831, 1522540831.5}, {0, 1, 0}, {311.4, 12, -0.05}, {1, 0, 1}, {0.5, -1000, 7}}
	if !reflect.DeepEqual(table.Data, want) {
		t.Fatalf("data %v, want %v", table.Data, want)
	}
	if got := string(table.Texts.At(0)); got != `a "b", c` || table.Texts.Len() != 2 {
		t.Errorf("text %q of %d", got, table.Texts.Len())
	}
	again, err := readParquet(writeParquet(t, table), payments(), ReadOptions{})
	if err != nil || !reflect.DeepEqual(again, table) {
		t.Errorf("Parquet gives %v (%v), want %v", again, err, table)
	}
	var text bytes.Buffer
	w, err := NewCSVWriter(&text, table.Columns)
	if err != nil {
		t.Fatal(err)
	}
	w.Texts = table.Texts
	row := make([]float64, len(table.Columns))
	for r := range table.Len() {
		for c := range row {
			row[c] = table.Data[c][r]
		}
		if err := w.WriteRow(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if again, err := ReadCSV(&text, payments(), ReadOptions{}); err != nil || !reflect.DeepEqual(again, table) {
		t.Errorf("CSV gives %v (%v), want %v", again, err, table)
	}
}

func TestTimestampsOfEveryUnitBecomeSeconds(t *testing.T) {
	type row struct {
		Milli int64 `parquet:"milli,timestamp(millisecond)"`
		Micro int64 `parquet:"micro,timestamp(microsecond)"`
		Nano  int64 `parquet:"nano,timestamp(nanosecond)"`
		Day   int32 `parquet:"day,date"`
		Plain int64 `parquet:"plain"`
	}
	var file bytes.Buffer
	w := parquet.NewGenericWriter[row](&file)
	if _, err := w.Write([]row{{1522540831500, 1522540831500000, 1522540831500000000, 17622, 1522540831}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var want []Column
	for _, name := range []string{"milli", "micro", "nano", "day", "plain"} {
		want = append(want, ColumnOf(name, "time"))
	}
	table, err := readParquet(file.Bytes(), want, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := [][]float64{{1522540831.5}, {1522540831.5}, {1522540831.5}, {1522540800}, {1522540831}}; !reflect.DeepEqual(table.Data, got) {
		t.Errorf("times %v", table.Data)
	}
}

func TestValuesOfOtherKindsAreRefused(t *testing.T) {
	for _, change := range [][2]string{{"311.40000000000003", "311.404"}, {"true", "yes"}, {"2018-04-01T00:00:31Z", "2018-04-01T00"}, {",12,", ",1e15,"}, {`""b""`, strings.Repeat("b", record.MaxTextBytes)}} {
		text := strings.Replace(paymentText, change[0], change[1], 1)
		if _, err := ReadCSV(strings.NewReader(text), payments(), ReadOptions{}); !errors.Is(err, ErrSchema) {
			t.Errorf("with %.20s: error %v", change[1], err)
		}
	}
	for _, c := range []Column{ColumnOf("a", "date"), ColumnOf("a", "decimal"), ColumnOf("a", "decimal(9)"), {Name: "a", Places: 2}} {
		if err := checkColumns([]Column{c}); !errors.Is(err, ErrSchema) {
			t.Errorf("%+v: error %v", c, err)
		}
	}
	if err := (Table{Columns: []Column{{Name: "a", Kind: Text}}, Data: [][]float64{{0}}}).Check(); !errors.Is(err, ErrSchema) {
		t.Errorf("a text that is nowhere: error %v", err)
	}
}
