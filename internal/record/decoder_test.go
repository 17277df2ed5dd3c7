package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// abt is the schema of most tests here: a float, an int and a time.
func abt(t testing.TB) *Schema {
	t.Helper()
	s, err := NewSchema([]Field{{Name: "a"}, {Name: "b", Kind: Int}, {Name: "t", Kind: Time}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDecodeReadsBothForms(t *testing.T) {
	tests := []struct {
		name, value string
		want        []float64 // rows of a, b, t behind each other
		id          string
	}{
		{"split", `{"columns":["a","b","t"],"data":[[1.5,2,3]],"id":7}`, []float64{1.5, 2, 3}, `7`},
		{"split, other order", `{"columns":["t","a","b"],"data":[[3,1.5,2]]}`, []float64{1.5, 2, 3}, ``},
		{"split, extra columns", `{"columns":["x","t","a","y","b","z"],"data":[["x",3,1.5,{"k":[1,{}]},2,null]]}`, []float64{1.5, 2, 3}, ``},
		{"split, extra columns of one name", `{"columns":["x","a","b","t","x"],"data":[[0,1,2,3,0]]}`, []float64{1, 2, 3}, ``},
		{"split, columns that are not text", `{"columns":[0,"a",["m","n"],"b","t"],"data":[[0,1,0,2,3]]}`, []float64{1, 2, 3}, ``},
		{"split, several rows", `{"columns":["a","b","t"],"data":[[1,2,3],[4,5,6]]}`, []float64{1, 2, 3, 4, 5, 6}, ``},
		{"split, data first", `{"data":[[1,2,3],[4,5,6]],"id":"x","columns":["a","b","t"]}`, []float64{1, 2, 3, 4, 5, 6}, `"x"`},
		{"split, pandas index", `{"columns":["a","b","t"],"index":[0],"data":[[1,2,3]]}`, []float64{1, 2, 3}, ``},
		{"split, Python's white space", "{\"columns\": [\"a\", \"b\", \"t\"], \"data\": [[1.5, 2, 3]], \"id\": 12}\n", []float64{1.5, 2, 3}, `12`},
		{"split, much white space", " {\n\"columns\" :\t[ \"a\" , \"b\",\"t\" ] , \"data\" : [ [ 1 , 2 , 3 ] , [ 4,5,6 ] ] } \r\n", []float64{1, 2, 3, 4, 5, 6}, ``},
		{"split beside columns of its own", `{"a":"x","columns":["a","b","t"],"b":[],"data":[[1,2,3]],"t":null}`, []float64{1, 2, 3}, ``},
		{"split, escaped names", `{"c\u006flumns":["\u0061","b","t"],"d\u0061ta":[[1,2,3]]}`, []float64{1, 2, 3}, ``},
		{"plain", `{"a":1.5,"b":2,"t":3}`, []float64{1.5, 2, 3}, ``},
		{"plain, other order, extras", `{"x":{"y":[true,false,null,"\"}"]},"t":3,"b":2,"z":"","a":-0.5,"id":"k-1"}`, []float64{-0.5, 2, 3}, `"k-1"`},
		{"plain, extras called like split's keys", `{"a":1,"columns":"none","b":2,"data":{"k":1},"t":3}`, []float64{1, 2, 3}, ``},
		{"plain, data list and no columns", `{"a":1,"b":2,"t":3,"data":[1,2]}`, []float64{1, 2, 3}, ``},
		{"plain, escaped names", `{"\u0061":1,"b":2,"\u0074":3}`, []float64{1, 2, 3}, ``},
		{"null id counts as none", `{"id":null,"a":1,"b":2,"t":3}`, []float64{1, 2, 3}, ``},
		{"big id stays exact", `{"id":123456789012345678901234567890,"a":1,"b":2,"t":3}`, []float64{1, 2, 3}, `123456789012345678901234567890`},
		{"int written as float", `{"a":1,"b":2.50e1,"t":3}`, []float64{1, 25, 3}, ``},
		{"time as text", `{"a":1,"b":2,"t":"1970-01-02T00:00:00.25+01:00"}`, []float64{1, 2, 82800.25}, ``},
		{"time as escaped text", `{"a":1,"b":2,"t":"1970-01-02T00\u003a00:00Z"}`, []float64{1, 2, 86400}, ``},
		{"underflow is zero", `{"a":1e-400,"b":0,"t":0}`, []float64{0, 0, 0}, ``},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := NewDecoder(abt(t), Limits{})
			var rows Rows
			for range 2 { // the second time from what the decoder remembers
				rows.Reset()
				n, err := d.Decode([]byte(test.value), &rows)
				if err != nil {
					t.Fatal(err)
				}
				if n != rows.N || n != len(test.want)/3 || !slices.Equal(rows.Values, test.want) {
					t.Fatalf("n %d, rows %v, want %v", n, rows.Values, test.want)
				}
				if string(d.ID()) != test.id {
					t.Fatalf("id %s, want %s", d.ID(), test.id)
				}
			}
		})
	}
}

func TestDecodeRefusesWithOneReason(t *testing.T) {
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	tests := []struct {
		value  string
		want   Reason
		detail string // part of it
	}{
		{``, Empty, "empty"},
		{" \n", Empty, "empty"},
		{`{"columns":["a","b","t"],"data":[]}`, Empty, "no rows"},
		{`hello`, NotJSON, "byte 0"},
		{`{`, NotJSON, ""},
		{`{"a"`, NotJSON, ""},
		{`{"a":`, NotJSON, ""},
		{`{"a":1`, NotJSON, ""},
		{`{"a":1,}`, NotJSON, ""},
		{`{,"a":1}`, NotJSON, ""},
		{`{a:1}`, NotJSON, ""},
		{`{"a":1,"b":2,"t":3}x`, NotJSON, "byte 19"},
		{`{"a":1,"b":2,"t":3}{}`, NotJSON, ""},
		{`{"a":01,"b":2,"t":3}`, NotJSON, ""},
		{`{"a":1.,"b":2,"t":3}`, NotJSON, ""},
		{`{"a":.5,"b":2,"t":3}`, NotJSON, ""},
		{`{"a":+1,"b":2,"t":3}`, NotJSON, ""},
		{`{"a":1e,"b":2,"t":3}`, NotJSON, ""},
		{`{"a":-,"b":2,"t":3}`, NotJSON, ""},
		{`{"a":0x10,"b":2,"t":3}`, NotJSON, ""},
		{`{"a":1_000,"b":2,"t":3}`, NotJSON, ""},
		{`{"a":nul,"b":2,"t":3}`, NotJSON, ""},
		{"{\"a\":1,\"b\":2,\"t\":3,\"x\":\"\x01\"}", NotJSON, ""},
		{`{"a":1,"b":2,"t":3,"x":"\q"}`, NotJSON, ""},
		{`{"a":1,"b":2,"t":3,"x":"\u12g4"}`, NotJSON, ""},
		{`{"a":1,"b":2,"t":3,"x":"`, NotJSON, ""},
		{`{"a":1,"b":2,"t":3,"x":[1,2}}`, NotJSON, ""},
		{`{"a":1,"b":2,"t":3,"x":NaN}`, NotJSON, ""}, // not a value that anybody needs, so plain JSON is asked for
		{`{"a":"x","b":2,"t":3`, NotJSON, ""},        // broken bytes outrank a plain object's values
		{`{"columns":["a","b","t"],"data":[[1,2,3]`, NotJSON, ""},
		{`{"columns":["a","b","t",],"data":[[1,2,3]]}`, NotJSON, ""},
		{`{"columns":["a","b","t"],"data":[[1,2,3],]}`, NotJSON, ""},
		{`{"columns":["a","b","t"],"data":[[1,2,3]],}`, NotJSON, ""},
		{`{"columns":["a","b","t"],"data":[[1 2,3]]}`, NotJSON, ""},
		{`[1,2]`, WrongType, "not a JSON object"},
		{`"text"`, WrongType, "not a JSON object"},
		{`null`, WrongType, "not a JSON object"},
		{`{"a":"1.5","b":2,"t":3}`, WrongType, `column "a" is not a number`},
		{`{"a":true,"b":2,"t":3}`, WrongType, `column "a"`},
		{`{"a":[1],"b":2,"t":3}`, WrongType, `column "a"`},
		{`{"a":1,"b":2.5,"t":3}`, WrongType, `column "b" is not a whole number`},
		{`{"a":1,"b":9007199254740994,"t":3}`, WrongType, `column "b"`},
		{`{"a":1,"b":2,"t":"yesterday"}`, WrongType, `column "t" is neither`},
		{`{"a":1,"b":2,"t":"2026-02-30T00:00:00Z"}`, WrongType, `column "t"`},
		{`{"a":1,"b":2,"t":3,"id":true}`, WrongType, `"id"`},
		{`{"a":1,"b":2,"t":3,"id":{"$oid":"x"}}`, WrongType, `"id"`},
		{`{"columns":["a","b","t"],"data":[[1,2,3],[1,"2",3]]}`, WrongType, `column "b" of row 1 is not a whole number`},
		{`{"columns":["a","b","t"],"data":[1,2,3]}`, WrongType, "row 0 is not an array"},
		{`{"columns":["a","b","t"],"data":[[1,2,3],null]}`, WrongType, "row 1 is not an array"},
		{`{"a":null,"b":2,"t":3}`, MissingValue, `column "a" is null`},
		{`{"columns":["a","b","t"],"data":[[1,2,null]]}`, MissingValue, `column "t" of row 0 is null`},
		{`{"a":NaN,"b":2,"t":3}`, NotFinite, `column "a" is not a finite number`},
		{`{"a":-Infinity,"b":2,"t":3}`, NotFinite, `column "a"`},
		{`{"a":1,"b":2,"t":Infinity}`, NotFinite, `column "t"`},
		{`{"a":1e309,"b":2,"t":3}`, NotFinite, `column "a"`},
		{`{"columns":["a","b","t"],"data":[[-1e999,2,3]]}`, NotFinite, `column "a" of row 0`},
		{`{"columns":["a","b","t"],"data":[[1,NaN,3]]}`, NotFinite, `column "b" of row 0`},
		{`{}`, MissingColumn, `"a" is missing`},
		{`{"a":1,"t":3}`, MissingColumn, `"b" is missing`},
		{`{"columns":["a","t"],"data":[[1,3]]}`, MissingColumn, `"b" is not in "columns"`},
		{`{"columns":[],"data":[[]]}`, MissingColumn, `"a"`},
		{`{"columns":["a","b","t"]}`, MissingColumn, `no "data"`},
		{`{"data":[[1,2,3]]}`, MissingColumn, `no "columns"`},
		{`{"columns":["a","b","t"],"data":[[1,2]]}`, RowLength, "row 0"},
		{`{"columns":["a","b","t"],"data":[[1,2,3],[1,2,3,4]]}`, RowLength, "row 1"},
		{`{"columns":["a","b","t"],"data":[[]]}`, RowLength, "row 0"},
		{`{"columns":["a","b","t","a"],"data":[[1,2,3,1]]}`, DuplicateColumn, `"a" appears twice`},
		{`{"a":1,"b":2,"t":3,"a":1}`, DuplicateColumn, `"a" appears twice`},
		{`{"columns":["a","b","t"],"columns":["t","b","a"],"data":[[1,2,3]]}`, DuplicateKey, `"columns"`},
		{`{"columns":["a","b","t"],"data":[[1,2,3]],"data":[[1,2,3]]}`, DuplicateKey, `"data"`},
		{`{"id":1,"a":1,"b":2,"t":3,"id":2}`, DuplicateKey, `"id"`},
		{`{"a":1,"b":2,"t":3,"x":` + deep + `}`, TooDeep, "64"},
		{`{"columns":["a","b","t"],"data":[` + strings.Repeat(`[1,2,3],`, 10) + `[1,2,3]]}`, TooManyRows, "10 rows"},
		{`{"a":1,"b":2,"t":3,"x":"` + strings.Repeat("x", 5000) + `"}`, TooLarge, "at most 5000"},
		{`{"a":1,"b":2,"t":3,"id":"` + strings.Repeat("x", 1023) + `"}`, TooLarge, `"id" has 1025 bytes`},
	}
	d := NewDecoder(abt(t), Limits{MaxBytes: 5000, MaxRows: 10}) // shared: one message's fault must not reach the next
	good := []byte(`{"columns":["a","b","t"],"data":[[1,2,3]]}`)
	for _, test := range tests {
		t.Run(fmt.Sprintf("%.40s", test.value), func(t *testing.T) {
			var rows Rows
			if _, err := d.Decode(good, &rows); err != nil {
				t.Fatal(err)
			}
			n, err := d.Decode([]byte(test.value), &rows)
			var reject *Reject
			if !errors.As(err, &reject) {
				t.Fatalf("n %d, error %v", n, err)
			}
			if reject.Reason != test.want || !strings.Contains(reject.Detail, test.detail) {
				t.Errorf("%v, want %s: ..%s..", reject, test.want, test.detail)
			}
			if n != 0 || rows.N != 1 || !slices.Equal(rows.Values, []float64{1, 2, 3}) || d.ID() != nil {
				t.Errorf("a refused message left something: n %d, rows %v, id %s", n, rows.Values, d.ID())
			}
		})
	}
}

func TestDecodeTellsTombstoneFromEmpty(t *testing.T) {
	d := NewDecoder(abt(t), Limits{})
	var rows Rows
	_, err := d.Decode(nil, &rows)
	if reject, ok := errors.AsType[*Reject](err); !ok || reject.Reason != Tombstone {
		t.Errorf("nil value: %v", err)
	}
	_, err = d.Decode([]byte{}, &rows)
	if reject, ok := errors.AsType[*Reject](err); !ok || reject.Reason != Empty {
		t.Errorf("empty value: %v", err)
	}
}

func TestDecodeForgetsALayoutThatChanged(t *testing.T) {
	d := NewDecoder(abt(t), Limits{})
	values := []string{
		`{"columns":["a","b","t"],"data":[[1,2,3]]}`,
		`{"columns":["t","b","a"],"data":[[3,2,1]]}`,
		`{"columns":["a","b"],"data":[[1,2]]}`, // refused halfway
		`{"columns":["t","b","a"],"data":[[3,2,1]]}`,
		`{"t":3,"a":1,"b":2}`,
		`{"a":1,"b":2,"t":3}`,
		`{"aa":7,"a":1,"b":2,"t":3}`,
		`{"columns":["a","b","t","x"],"data":[[1,2,3,4]]}`,
	}
	for round := range 3 {
		for i, value := range values {
			var rows Rows
			_, err := d.Decode([]byte(value), &rows)
			if (err != nil) != (i == 2) {
				t.Fatalf("round %d: %s: %v", round, value, err)
			}
			if err == nil && !slices.Equal(rows.Row(0), []float64{1, 2, 3}) {
				t.Fatalf("round %d: %s: %v", round, value, rows.Row(0))
			}
		}
	}
}

func TestRejectNeverQuotesTheMessage(t *testing.T) {
	d := NewDecoder(abt(t), Limits{})
	for _, value := range []string{
		`SECRET`, `{"SECRET":SECRET}`, `{"a":"SECRET","b":2,"t":3}`, `{"columns":["SECRET"],"data":[]}`, `{"id":["SECRET"]}`,
	} {
		var rows Rows
		_, err := d.Decode([]byte(value), &rows)
		if err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestSchemaRefusesWhatCannotBeOne(t *testing.T) {
	for name, fields := range map[string][]Field{
		"no columns":   nil,
		"no name":      {{Name: "", Kind: Float}},
		"same name":    {{Name: "a", Kind: Float}, {Name: "a", Kind: Int}},
		"unknown kind": {{Name: "a", Kind: Decimal + 1}},
	} {
		if _, err := NewSchema(fields); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
