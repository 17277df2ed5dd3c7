package screen

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Safe writes bytes that anybody may have written so that they cannot move a cursor,
// colour a terminal or turn the direction of text: what is printable stays as it is, all
// else becomes an escape such as \n, \x1b or \u202e.
func Safe(text string) string {
	if clean(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case strconv.IsPrint(r):
			b.WriteString(text[:size])
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		text = text[size:]
	}
	return b.String()
}

func clean(text string) bool {
	for _, r := range text {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return utf8.ValidString(text) // a byte that is no UTF-8 looks like U+FFFD, which is printable
}
