package record

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// payment has a column of each kind that the card data set does not have.
func payment(t testing.TB) *Schema {
	t.Helper()
	s, err := NewSchema([]Field{{Name: "card", Kind: Text}, {Name: "amount", Kind: Decimal, Places: 2}, {Name: "online", Kind: Bool}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTextsDecimalsAndBoolsAreRead(t *testing.T) {
	d := NewDecoder(payment(t), Limits{})
	var rows Rows
	for _, message := range []string{
		`{"card":"4929\u00e9","amount":12.30,"online":true}`,
		`{"columns":["online","card","amount","more"],"data":[[false,"",311.40000000000003,null],[1,"a",-0,2]]}`,
	} {
		if _, err := d.Decode([]byte(message), &rows); err != nil {
			t.Fatal(err)
		}
	}
	want := []struct {
		card   string
		amount float64
		online float64
	}{{"4929é", 12.3, 1}, {"", 311.4, 0}, {"a", 0, 1}}
	for i, w := range want {
		row := rows.Row(i)
		if card := string(rows.Texts.At(row[0])); card != w.card || row[1] != w.amount || row[2] != w.online {
			t.Errorf("row %d: %q %v %v, want %+v", i, card, row[1], row[2], w)
		}
	}
	rows.Reset()
	if rows.Texts.Len() != 0 {
		t.Error("Reset keeps texts")
	}
}

func TestValuesOfOtherKindsAreRefused(t *testing.T) {
	for message, reason := range map[string]Reason{
		`{"card":4929,"amount":1,"online":true}`:                                            WrongType,
		`{"card":null,"amount":1,"online":true}`:                                            MissingValue,
		`{"card":"` + strings.Repeat("x", MaxTextBytes+1) + `","amount":1,"online":true}`:   TooLarge,
		`{"card":"a","amount":1.234,"online":true}`:                                         WrongType,
		`{"card":"a","amount":1e15,"online":true}`:                                          WrongType,
		`{"card":"a","amount":"1","online":true}`:                                           WrongType,
		`{"card":"a","amount":1,"online":"true"}`:                                           WrongType,
		`{"card":"a","amount":1,"online":2}`:                                                WrongType,
		`{"card":"a","amount":1,"online":truely}`:                                           NotJSON,
		`{"card":"a","amount":1e999,"online":true}`:                                         NotFinite,
		`{"columns":["card","amount","online"],"data":[["a",1,true],["b","` + `x",false]]}`: WrongType,
	} {
		var rows Rows
		_, err := NewDecoder(payment(t), Limits{}).Decode([]byte(message), &rows)
		reject, ok := errors.AsType[*Reject](err)
		if !ok || reject.Reason != reason {
			t.Errorf("%.60s: %v, want %s", message, err, reason)
		}
		if rows.N != 0 || rows.Texts.Len() != 0 {
			t.Errorf("%.60s leaves %d rows and %d texts", message, rows.N, rows.Texts.Len())
		}
	}
}

func TestAWholeNumberOfCentsSurvivesBinaryArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cents := rapid.Int64Range(-1<<50, 1<<50).Draw(t, "cents")
		exact := float64(cents) / 100
		for _, v := range []float64{exact, math.Nextafter(exact, math.Inf(1)), math.Nextafter(exact, math.Inf(-1))} {
			if got, why := Round(v, 2); got != exact || why != "" {
				t.Fatalf("Round(%v) = %v, %q; want %v", v, got, why, exact)
			}
		}
	})
}

func TestDecodingTextsAllocatesNothing(t *testing.T) {
	d := NewDecoder(payment(t), Limits{})
	message := []byte(`{"card":"4929-0000-1111","amount":12.30,"online":true,"id":7}`)
	var rows Rows
	batch := func() {
		rows.Reset()
		for range 64 {
			if _, err := d.Decode(message, &rows); err != nil {
				t.Fatal(err)
			}
		}
	}
	batch()
	if n := testing.AllocsPerRun(100, batch); n != 0 {
		t.Errorf("%v allocations per 64 messages", n)
	}
}

func TestPlacesBelongToDecimals(t *testing.T) {
	for _, f := range []Field{{Name: "a", Places: 2}, {Name: "a", Kind: Decimal, Places: MaxPlaces + 1}, {Name: "a", Kind: Decimal, Places: -1}, {Name: "a", Kind: Decimal + 1}} {
		if _, err := NewSchema([]Field{f}); !errors.Is(err, ErrSchema) {
			t.Errorf("%+v: error %v", f, err)
		}
	}
}
