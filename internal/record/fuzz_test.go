package record

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
)

func FuzzDecodeEqualsEncodingJSON(f *testing.F) {
	for _, seed := range []string{
		`{"columns":["a","b","t"],"data":[[1.5,2,3],[4,5,6]],"id":7}`,
		`{"data":[[1,2,"2026-01-31T08:00:00.5Z",{}]],"id":"k","columns":["a","b","t","x"]}`,
		`{"a":1e-7,"b":2,"t":3,"x":{"y":[null,true,"\u00e9\n"]}}`,
		`{"t":"1969-12-31T23:59:59-05:30","b":-4,"a":0.1,"id":null}`,
		`{"a":1,"b":2,"t":3,"columns":[],"a":1}`, `{"columns":["\u0061","b","t"],"data":[[1,2,3]]}`,
		`{"a":NaN}`, `[]`, `{}`, `null`, ``, `{"columns":["a","b","t"],"data":[[]]}`, `{"id":{},"a":1}`,
	} {
		f.Add([]byte(seed), []byte(`{"columns":["a","b","t"],"data":[[1,2,3]]}`))
		f.Add([]byte(seed), []byte(seed))
	}
	limits := Limits{MaxBytes: 4096, MaxRows: 3}
	schema := abt(f)
	f.Fuzz(func(t *testing.T, value, before []byte) {
		d := NewDecoder(schema, limits)
		var rows Rows
		_, _ = d.Decode(before, &rows) // what it remembers of this must not matter
		rows.Reset()
		n, err := d.Decode(value, &rows)
		want, id := reference(value, schema, limits)
		if err == nil {
			if n != rows.N || n*3 != len(rows.Values) || !slices.Equal(rows.Values, want) || string(d.ID()) != id {
				t.Fatalf("%q: rows %v id %s, want %v id %s", value, rows.Values, d.ID(), want, id)
			}
			return
		}
		reject, ok := errors.AsType[*Reject](err)
		if !ok || reject.Reason == "" || reject.Detail == "" || n != 0 || rows.N != 0 {
			t.Fatalf("%q: n %d, rows %v, error %v", value, n, rows.Values, err)
		}
		if want != nil && depth(value) <= maxDepth {
			t.Fatalf("%q: refused (%v), want %v", value, err, want)
		}
		if reject.Reason == NotJSON && json.Valid(value) {
			t.Fatalf("%q: refused as %v, but it is JSON", value, err)
		}
	})
}

func FuzzSkipValueEqualsEncodingJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":[]}],"c":{}}`, `[[],[[]],{}]`, `"\ud800"`, `-0.0e+5`, `[1,]`, `{"a"}`, `{"a":1,}`, `[`, `tru`, ` 1`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		end := skipValue(value, 0)
		if end == tooDeep {
			if json.Valid(value) && depth(value) <= maxDepth {
				t.Fatalf("%q: too deep at depth %d", value, depth(value))
			}
			return
		}
		if valid := end >= 0 && space(value, end) == len(value); valid != json.Valid(value) {
			t.Fatalf("%q: skipped to %d of %d, json.Valid is %v", value, end, len(value), !valid)
		}
	})
}

func FuzzTimestampEqualsTimeParse(f *testing.F) {
	for _, seed := range []string{"2018-07-25T06:12:09Z", "2018-07-25T06:12:09.5+02:00", "0000-01-01T00:00:00Z", "2024-02-29T23:59:59.999999999-23:59", "2023-02-29T00:00:00Z", "2023-01-01T24:00:00Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		seconds, ok := timestamp([]byte(text))
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		want, wantOK := referenceValue(quoted, Time)
		if ok != wantOK || seconds != want {
			t.Fatalf("%q: %v %v, want %v %v", text, seconds, ok, want, wantOK)
		}
	})
}
