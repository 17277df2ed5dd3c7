package record

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// checkNumber fails unless number agrees with encoding/json on the grammar and with strconv on every bit.
func checkNumber(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string) {
	t.Helper()
	v, end, ok := number([]byte(text), 0)
	whole := ok && end == len(text)
	isNumber := json.Valid([]byte(text)) && strings.Trim(text, " \t\r\n") == text && strings.ContainsRune("-0123456789", rune(text[0]))
	if whole != isNumber {
		t.Fatalf("number(%q) reads all of it: %v; it is a JSON number: %v", text, whole, isNumber)
	}
	if skipNumber([]byte(text), 0) == len(text) != isNumber {
		t.Fatalf("skipNumber(%q) disagrees", text)
	}
	if !isNumber {
		return
	}
	want, _ := strconv.ParseFloat(text, 64)
	if math.Float64bits(v) != math.Float64bits(want) {
		t.Fatalf("number(%q) = %v (%#x), strconv says %v (%#x)", text, v, math.Float64bits(v), want, math.Float64bits(want))
	}
}

func TestNumberEqualsStrconvOnHardCases(t *testing.T) {
	for _, text := range []string{
		"0", "-0", "0.0", "-0.0e5", "1", "10", "123456789012345678", "18446744073709551615", "18446744073709551616",
		"9007199254740991", "9007199254740992", "9007199254740993", "9007199254740993.0", "9007199254740993.00000000000000000001",
		"900719925474099.25", "900719925474099.35", "0.1", "0.30000000000000004", "1.7976931348623157e308", "1.7976931348623159e308",
		"4.9e-324", "2.4e-324", "2.2250738585072011e-308", "2.2250738585072014e-308", "1e22", "1e23", "8.5e22", "123e-27", "123e-28",
		"0.000000000000000000000000001", "9999999999999999999e-27", "0.00012345678901234567", "0.00000000000000000000000000001",
		"1.00000000000000011102230246251565404", "1.00000000000000011102230246251565405", "0.500000000000000166533453693773481063544750213623046875",
		"1e-99999999999999999999", "0e99999999999999999999", "0.00000e-99999", "1e1000", "10000000000000000000000e-22",
		"0." + strings.Repeat("0", 2000) + "1e2001", strings.Repeat("9", 400), "1" + strings.Repeat("0", 1500) + "e-1500",
		"3.5844606528758993", "-1.3598071336738", "6.02214076e23", "149.62", "1E5", "1e+5",
	} {
		checkNumber(t, text)
		checkNumber(t, "-"+strings.TrimPrefix(text, "-"))
	}
}

func TestNumberRefusesWhatIsNoNumber(t *testing.T) {
	for _, text := range []string{"-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1.e5", "NaN", "Infinity", "0x1", "1_0", "1a", "--1", "1-", "e5"} {
		checkNumber(t, text)
	}
}

// The quotients of the exact division are hit hardest where the decimal lies close to the middle between two floats.
func TestNumberEqualsStrconvNearTies(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 30_000 {
		exponent := r.IntN(80) - 60
		f := math.Ldexp(1+r.Float64(), exponent)
		middle := f + (math.Nextafter(f, math.Inf(1))-f)/2 // rounds to one of them; its neighbours in decimal are near the tie
		for _, digits := range []int{15, 16, 17, 18, 19} {
			checkNumber(t, strconv.FormatFloat(middle, 'g', digits, 64))
			checkNumber(t, strconv.FormatFloat(f, 'f', digits, 64))
		}
	}
}

func TestNumberEqualsStrconvForAllFloats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.Uint64().Draw(t, "bits")
		f := math.Float64frombits(bits)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			t.Skip("no JSON number")
		}
		format := rapid.SampledFrom([]byte{'e', 'f', 'g'}).Draw(t, "format")
		precision := rapid.IntRange(-1, 30).Draw(t, "precision")
		checkNumber(t, strconv.FormatFloat(f, format, precision, 64))
	})
}

func TestNumberEqualsStrconvForAllSpellings(t *testing.T) {
	spelling := rapid.StringMatching(`-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?`)
	rapid.Check(t, func(t *rapid.T) { checkNumber(t, spelling.Draw(t, "number")) })
}

func FuzzNumberEqualsStrconv(f *testing.F) {
	for _, seed := range []string{"0", "-1.5e-7", "9007199254740993", "1e400", "0.1234567890123456789", "12345678.12345678", "01", "1.", "-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text != "" {
			checkNumber(t, text)
		}
	})
}
