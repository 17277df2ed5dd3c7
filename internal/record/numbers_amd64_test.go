//go:build !purego

package record

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func needFastNumbers(t testing.TB) {
	if !fastNumbers {
		t.Skip("this processor has not the instructions")
	}
}

// checkNumbers fails unless numbers reads of b[i:] what number reads, bit for bit, as far as it goes. It returns how far.
func checkNumbers(t interface {
	Helper()
	Fatalf(string, ...any)
}, b []byte, i, count int) int {
	t.Helper()
	columns, out := make([]int, count), make([]float64, count)
	for c := range columns {
		columns[c] = count - 1 - c // not in order
	}
	done, end := numbers(b, i, columns, out)
	at := i
	for c := range done {
		if c > 0 {
			if b[at] != ',' {
				t.Fatalf("numbers(%q, %d) goes on behind %q", b, i, b[:at])
			}
			if at++; b[at] == ' ' {
				at++
			}
		}
		want, after, ok := number(b, at)
		if got := out[columns[c]]; !ok || math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("numbers(%q, %d): value %d is %v (%#x), number says %v (%#x), %v", b, i, c, got, math.Float64bits(got), want, math.Float64bits(want), ok)
		}
		at = after
	}
	if end != at {
		t.Fatalf("numbers(%q, %d) reads %d and ends at %d, and number at %d", b, i, done, end, at)
	}
	return done
}

// front is as long as what numbers does not read at the beginning.
var front = strings.Repeat(" ", 33)

// That numbers is right is of no use where it never takes a number: all but a few of what a producer writes.
func TestNumbersReadsWhatProducersWrite(t *testing.T) {
	needFastNumbers(t)
	r := rand.New(rand.NewPCG(3, 4))
	for _, form := range []struct {
		name   string
		number func() string
	}{
		{"15 digits", func() string { return strconv.FormatFloat(r.NormFloat64(), 'f', 15, 64) }},
		{"shortest", func() string { return strconv.FormatFloat(r.NormFloat64()*3, 'f', -1, 64) }},
		{"amounts", func() string { return strconv.FormatFloat(r.ExpFloat64()*88, 'f', 2, 64) }},
		{"whole", func() string { return strconv.Itoa(r.IntN(200_000) - 100_000) }},
		{"zeros", func() string { return []string{"0", "-0", "0.0", "0.00", "-0.000"}[r.IntN(5)] }},
		{"19 digits", func() string { return strconv.FormatUint(1e18+r.Uint64N(9e18), 10) }},
	} {
		t.Run(form.name, func(t *testing.T) {
			read := 0
			for range 2000 {
				all := make([]string, 10)
				for i := range all {
					all[i] = form.number()
				}
				text := front + strings.Join(all, []string{",", ", "}[r.IntN(2)]) + "]]}"
				read += checkNumbers(t, []byte(text), len(front), 10)
			}
			if read < 19_900 {
				t.Errorf("%d of 20,000 numbers were read", read)
			}
		})
	}
}

func TestNumbersStopsWhereItShould(t *testing.T) {
	needFastNumbers(t)
	for text, want := range map[string]int{
		"1,2]]": 2, "1, 2]]": 2, "1 ,2]]": 1, "1,  2]]": 1, "1,\t2]]": 1, "1,2": 1, "1,2]": 1, "1,]]": 1, "1,,2]]": 1, "1": 0, "": 0, "-": 0, " 1,2]]": 0,
		"1,-2]]": 2, "1,--2]]": 1, "1,-]]": 1, "1,+2]]": 1, "1,-.5]]": 1, "1,.5]]": 1, "1,2.]]": 1, "1,2..5]]": 1, "1,2.5.5]]": 1, "1,.]]": 1,
		"1,01]]": 1, "1,00]]": 1, "1,-01.5]]": 1, "1,0.5]]": 2, "1,-0.5]]": 2, "1,0]]": 2, "1,2e5]]": 1, "1,2E5]]": 1, "1,2.5e-5]]": 1, "1,NaN]]": 1, "1,null]]": 1, `1,"2"]]`: 1,
		"1,9999999999999999999]]": 2, "1,10000000000000000000]]": 1, "1,0000000000000000000.5]]": 1,
		"1,0.0000000000000000000123456]]": 2, "1,0.123456789012345678]]": 2, "1,0.1234567890123456789]]": 2, "1,1.1234567890123456789]]": 1,
		"1,0.000000000000000000000000001]]": 2, "1,0.0000000000000000000000000001]]": 1, "1,-0.000000000000000000000000001]]": 2,
		"1,0.00000000000000000000000000000000000000000001]]": 1, "1,11111111111111111111111111111111111111111111111]]": 1,
	} {
		if got := checkNumbers(t, []byte(front+text), len(front), 2); got != want {
			t.Errorf("%q: %d numbers, want %d", text, got, want)
		}
		// Followed by enough bytes to be loaded at once.
		if got := checkNumbers(t, []byte(front+text+strings.Repeat("]", 64)), len(front), 2); got != want && text != "1,2" && text != "1,2]" && text != "1" {
			t.Errorf("%q and more: %d numbers, want %d", text, got, want)
		}
		// Not far enough from the first byte.
		if got := checkNumbers(t, []byte(text+strings.Repeat("]", 64)), 0, 2); got > want {
			t.Errorf("%q at the beginning: %d numbers, want %d at most", text, got, want)
		}
	}
}

func TestNumbersReadsNothingAroundTheBytes(t *testing.T) {
	needFastNumbers(t)
	page := unix.Getpagesize()
	memory, err := unix.Mmap(-1, 0, 3*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(memory)
	for _, outside := range [][]byte{memory[:page], memory[2*page:]} {
		if err := unix.Mprotect(outside, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"0.25, -1.5, 1234567890.12345, 7]]}", "-1.5]", "-", "1, ", "1,", "1", "11111111111111111111111111111111", "1.1,-"} {
		for before := range 40 {
			for n := 1; n <= len(text); n++ {
				for _, part := range []string{text[:n], text[len(text)-n:]} {
					for _, from := range []int{page, 2*page - before - n} {
						b := memory[from : from+before+n : from+before+n]
						copy(b, front+"       ")
						copy(b[before:], part)
						checkNumbers(t, b, before, 4)
					}
				}
			}
		}
	}
}

func TestNumbersEqualsNumberNearTies(t *testing.T) {
	needFastNumbers(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		f := math.Ldexp(1+r.Float64(), r.IntN(70)-10)
		middle := f + (math.Nextafter(f, math.Inf(1))-f)/2
		b := []byte(front)
		for digits := range 20 {
			b = append(strconv.AppendFloat(b, middle, 'f', digits, 64), ',')
			b = append(strconv.AppendFloat(b, f, 'f', digits, 64), ',')
		}
		b = append(b, "]]"...)
		for i := len(front); i < len(b)-2; i += bytes.IndexByte(b[i:], ',') + 1 {
			checkNumbers(t, b, i, 2)
		}
	}
}

func TestNumbersEqualsNumberForAllSpellings(t *testing.T) {
	needFastNumbers(t)
	spelling := rapid.StringMatching(`( ?-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,4})?,){1,6}`)
	rapid.Check(t, func(t *rapid.T) { checkNumbers(t, []byte(front+spelling.Draw(t, "numbers")), len(front), 6) })
}

func FuzzNumbersEqualsNumber(f *testing.F) {
	needFastNumbers(f)
	for _, seed := range []string{"1,2]]", "-0.5, 149.62, 3.5844606528758993]]}", "0.1234567890123456789,18446744073709551616,1e5", "00,1.,.5,--1,1..2]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkNumbers(t, []byte(text), 0, 4)
		checkNumbers(t, []byte(front+text), len(front), 4)
	})
}

// The way without it has to stay as good, though no test may come by it on a processor that has the instructions.
func TestDecodeIsTheSameWithoutFastNumbers(t *testing.T) {
	needFastNumbers(t)
	defer func() { fastNumbers = true }()
	for _, plain := range []bool{false, true} {
		schema, messages := cards(t, plain, true, 500)
		var with, without Rows
		for _, m := range messages {
			for _, bad := range [][]byte{m, m[:len(m)*2/3], bytes.Replace(m, []byte("0."), []byte("00."), 1), bytes.Replace(m, []byte("1."), []byte("1e400."), 1)} {
				fastNumbers = true
				_, err := NewDecoder(schema, Limits{}).Decode(bad, &with)
				fastNumbers = false
				if _, other := NewDecoder(schema, Limits{}).Decode(bad, &without); (err == nil) != (other == nil) || err != nil && err.Error() != other.Error() {
					t.Fatalf("%s: %v, and without %v", bad, err, other)
				}
			}
		}
		for i, v := range with.Values {
			if math.Float64bits(v) != math.Float64bits(without.Values[i]) {
				t.Fatalf("value %d is %v, and %v without", i, v, without.Values[i])
			}
		}
	}
}
