package screen

import (
	"strconv"
	"testing"
	"unicode/utf8"
)

func TestSafeEscapesWhatIsNotPrintable(t *testing.T) {
	for from, want := range map[string]string{
		"":                   "",
		`{"a":"\\n ü 信"}`:    `{"a":"\\n ü 信"}`,
		"a\nb\tc\x00":        `a\nb\tc\x00`,
		"\x1b[2J\x1b]0;t\a":  `\x1b[2J\x1b]0;t\a`,
		"\u202edaeh\u2066":   `\u202edaeh\u2066`,
		"\xff\xfe\u0085 end": `\xff\xfe\u0085 end`,
		"\uFFFD":             "\uFFFD",
	} {
		if got := Safe(from); got != want {
			t.Errorf("Safe(%q) = %s, want %s", from, got, want)
		}
	}
}

// FuzzSafe: whatever comes in, what goes out is printable text.
func FuzzSafe(f *testing.F) {
	f.Add("\x1b[31m\xc3\x28\u2028")
	f.Add("\xef") // the first byte of U+FFFD
	f.Fuzz(func(t *testing.T, text string) {
		out := Safe(text)
		if !utf8.ValidString(out) {
			t.Fatalf("%q became %q, which is not UTF-8", text, out)
		}
		for _, r := range out {
			if !strconv.IsPrint(r) {
				t.Fatalf("%q became %q", text, out)
			}
		}
	})
}
