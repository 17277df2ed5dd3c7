package record

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
)

// cards returns the schema of the card payments and messages of them as the sender writes them (Python's separators or none),
// in split or in plain form.
func cards(t testing.TB, plain bool, spaces bool, n int) (*Schema, [][]byte) {
	t.Helper()
	var fields []Field
	for i := range 28 {
		fields = append(fields, Field{Name: fmt.Sprintf("V%d", i+1)})
	}
	fields = append(fields, Field{Name: "Amount"})
	schema, err := NewSchema(fields)
	if err != nil {
		t.Fatal(err)
	}
	comma, colon := ",", ":"
	if spaces {
		comma, colon = ", ", ": "
	}
	r := rand.New(rand.NewPCG(7, 7))
	messages := make([][]byte, n)
	for m := range messages {
		var names, values, members string
		for i, f := range fields {
			text := fmt.Sprintf("%.15g", r.NormFloat64()*1.3)
			if f.Name == "Amount" {
				text = fmt.Sprintf("%.2f", r.ExpFloat64()*88)
			}
			if i > 0 {
				names, values, members = names+comma, values+comma, members+comma
			}
			names += `"` + f.Name + `"`
			values += text
			members += `"` + f.Name + `"` + colon + text
		}
		text := fmt.Sprintf(`{"columns"%s[%s]%s"data"%s[[%s]]%s"id"%s%d}`, colon, names, comma, colon, values, comma, colon, m)
		if plain {
			text = fmt.Sprintf(`{%s%s"id"%s%d}`, members, comma, colon, m)
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("the test's own message is wrong: %s", text)
		}
		messages[m] = []byte(text)
	}
	return schema, messages
}

func TestDecodeAllocatesNothing(t *testing.T) {
	for _, plain := range []bool{false, true} {
		schema, messages := cards(t, plain, true, 64)
		d := NewDecoder(schema, Limits{})
		var rows Rows
		batch := func() {
			rows.Reset()
			for _, m := range messages {
				if _, err := d.Decode(m, &rows); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := testing.AllocsPerRun(100, batch); n != 0 {
			t.Errorf("plain %v: %v allocations for %d messages, want 0", plain, n, len(messages))
		}
	}
}

func TestDecodeAllocatesNothingWhenLayoutsAlternate(t *testing.T) {
	schema, split := cards(t, false, true, 1)
	_, plain := cards(t, true, false, 1)
	d := NewDecoder(schema, Limits{})
	var rows Rows
	both := func() {
		rows.Reset()
		for _, m := range [][]byte{split[0], plain[0]} {
			if _, err := d.Decode(m, &rows); err != nil {
				t.Fatal(err)
			}
		}
	}
	both()
	if n := testing.AllocsPerRun(100, both); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, form := range []struct {
		name          string
		plain, spaces bool
	}{{"split", false, false}, {"split-spaces", false, true}, {"plain", true, false}, {"plain-spaces", true, true}} {
		b.Run(form.name, func(b *testing.B) {
			schema, messages := cards(b, form.plain, form.spaces, 256)
			d := NewDecoder(schema, Limits{})
			var rows Rows
			b.SetBytes(int64(len(messages[0])))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%256 == 0 {
					rows.Reset()
				}
				if _, err := d.Decode(messages[i%256], &rows); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNumber(b *testing.B) {
	for name, text := range map[string]string{
		"amount": "149.62", "15 digits": "-1.35980713367380", "17 digits": "3.5844606528758993", "exponent": "-7.22e-05", "strconv's": "1.0000000000000001110223",
	} {
		b.Run(name, func(b *testing.B) {
			value := []byte(text)
			for b.Loop() {
				if _, _, ok := number(value, 0); !ok {
					b.Fatal(text)
				}
			}
		})
	}
}
