package dataset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

var abc = []Column{{Name: "a"}, {Name: "b", Kind: Int}}

func TestCSVIsReadInTheWantedOrder(t *testing.T) {
	want := Table{Columns: abc, Data: [][]float64{{1.5, -2e-3}, {0, 1}}}
	for name, text := range map[string]string{
		"as wanted":       "a,b\n1.5,0\n-2e-3,1\n",
		"other order":     "b,a\n0,1.5\n1,-0.002\n",
		"no last newline": "a,b\n1.5,0\n-2e-3,1",
		"windows":         "a,b\r\n1.5,0\r\n-2e-3,1\r\n",
		"quoted":          "\"a\",\"b\"\n\"1.5\",\"0\"\n-2e-3,\"1\"\n",
		"marked":          "\xef\xbb\xbfa,b\n1.5,0\n-2e-3,1\n",
		"spaces":          "a, b\n 1.5, 0\n-2e-3 ,1\n",
		"empty lines":     "a,b\n\n1.5,0\n\n-2e-3,1\n\n",
		"ints as floats":  "a,b\n1.5,0.0\n-2e-3,1.0\n",
	} {
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), bytes.NewReader(zipped(t, text))} {
			got, err := ReadCSV(r, abc, ReadOptions{})
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %v, %v", name, got, err)
			}
		}
	}
}

func TestCSVIgnoresExtraColumnsOnlyWhenAsked(t *testing.T) {
	const text = "id,a,note,b\n7,1.5,\"some, text\",0\n"
	if _, err := ReadCSV(strings.NewReader(text), abc, ReadOptions{}); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), `unknown columns: "id", "note"`) {
		t.Errorf("got %v", err)
	}
	got, err := ReadCSV(strings.NewReader(text), abc, ReadOptions{IgnoreExtra: true})
	if err != nil || got.Len() != 1 || got.Data[0][0] != 1.5 || got.Data[1][0] != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCSVErrorsNameLineAndColumn(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		opts ReadOptions
		is   error
		says string
	}{
		"empty file":      {"", ReadOptions{}, ErrSchema, "the file is empty"},
		"only a header":   {"a,b\n", ReadOptions{}, ErrSchema, "no rows"},
		"missing column":  {"a,c\n1,2\n", ReadOptions{}, ErrSchema, `line 1: schema mismatch: missing columns: "b"`},
		"column twice":    {"a,b,a\n1,2,3\n", ReadOptions{}, ErrSchema, `column "a" is there twice`},
		"not a number":    {"a,b\n1,2\nx,2\n", ReadOptions{}, ErrSchema, `line 3: column "a": schema mismatch: "x" is not a float number`},
		"not whole":       {"a,b\n1,2.5\n", ReadOptions{}, ErrSchema, `line 2: column "b"`},
		"no value":        {"a,b\n1,\n", ReadOptions{}, ErrSchema, `line 2: column "b": schema mismatch: no value`},
		"NaN":             {"a,b\nNaN,1\n", ReadOptions{}, ErrSchema, `line 2: column "a"`},
		"infinite":        {"a,b\n-Inf,1\n", ReadOptions{}, ErrSchema, `line 2: column "a"`},
		"overflow":        {"a,b\n1e999,1\n", ReadOptions{}, ErrSchema, `line 2: column "a"`},
		"hexadecimal":     {"a,b\n0x1p3,1\n", ReadOptions{}, ErrSchema, `line 2: column "a"`},
		"too few fields":  {"a,b\n1,2\n3\n", ReadOptions{}, ErrCorrupt, "line 3"},
		"a stray quote":   {"a,b\n1,\"2\n", ReadOptions{}, ErrCorrupt, "line"},
		"too many rows":   {"a,b\n1,2\n3,4\n", ReadOptions{MaxRows: 1}, ErrTooLarge, "1 rows"},
		"too many bytes":  {"a,b\n1,2\n3,4\n", ReadOptions{MaxBytes: 6}, ErrTooLarge, "6 bytes"},
		"too long a line": {"a,b\n1,2\n" + strings.Repeat("3", 50) + ",4\n", ReadOptions{MaxLine: 20}, ErrTooLarge, "line 3"},
	} {
		_, err := ReadCSV(strings.NewReader(c.text), abc, c.opts)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %v with %q", name, err, c.is, c.says)
		}
	}
}

func TestDamagedGzipIsCorrupt(t *testing.T) {
	whole := zipped(t, "a,b\n"+strings.Repeat("1,2\n", 10_000))
	for name, file := range map[string][]byte{"cut short": whole[:len(whole)/2], "only the magic": whole[:2], "checksum": append(bytes.Clone(whole[:len(whole)-8]), make([]byte, 8)...)} {
		if _, err := ReadCSV(bytes.NewReader(file), abc, ReadOptions{}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAGzipBombIsStoppedAtTheLimit(t *testing.T) {
	bomb := zipped(t, "a,b\n"+strings.Repeat("1,2\n", 1<<20))
	_, err := ReadCSV(bytes.NewReader(bomb), abc, ReadOptions{MaxBytes: 1 << 16})
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("%d bytes of gzip: got %v", len(bomb), err)
	}
}

func TestCSVWriterAndReaderAgree(t *testing.T) {
	want := Table{Columns: abc, Data: [][]float64{{math.MaxFloat64, 0.1, math.SmallestNonzeroFloat64, 1e21}, {maxInt, -7, 0, 1}}}
	var file bytes.Buffer
	w, err := NewCSVWriter(&file, abc)
	if err != nil {
		t.Fatal(err)
	}
	for r := range want.Len() {
		if err := w.WriteRow([]float64{want.Data[0][r], want.Data[1][r]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadCSV(&file, abc, ReadOptions{}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if err := w.WriteRow([]float64{1, 0.5}); !errors.Is(err, ErrSchema) {
		t.Errorf("half an int: %v", err)
	}
	if err := w.WriteRow([]float64{1}); !errors.Is(err, ErrSchema) {
		t.Errorf("too few values: %v", err)
	}
	if _, err := NewCSVWriter(io.Discard, []Column{{Name: "a,b"}}); !errors.Is(err, ErrSchema) {
		t.Errorf("a name with a comma: %v", err)
	}
}

func zipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func FuzzReadCSV(f *testing.F) {
	for _, text := range []string{"a,b\n1.5,0\n", "b,a\r\n\"1\",2e3\r\n", "\xef\xbb\xbfa,b\n1,2", "a,b\nNaN,0x1p3\n", "a,b\n\"1\n", "a,a\n,\n"} {
		f.Add([]byte(text))
	}
	f.Add(zipped(f, "a,b\n1,2\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		table, err := ReadCSV(bytes.NewReader(file), abc, ReadOptions{IgnoreExtra: true, MaxRows: 1000, MaxBytes: 1 << 20})
		if err != nil {
			return
		}
		if err := table.Check(); err != nil || table.Len() == 0 {
			t.Fatalf("a table of %d rows was read that does not pass: %v", table.Len(), err)
		}
	})
}
