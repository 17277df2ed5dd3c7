package screen

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"temporal-streaming/test/golden"
)

func TestNumbersReadAsPeopleWriteThem(t *testing.T) {
	for got, want := range map[string]string{
		Count(0): "0", Count(999): "999", Count(1000): "1,000", Count(-284807): "-284,807", Count(12345678): "12,345,678",
		Lag(-1): "?", Lag(7): "7", Rate(0): "0/s", Rate(3.14): "3.1/s", Rate(12345.6): "12,346/s",
		Millis(0): "-", Millis(8.44): "8.4 ms", Millis(31.4): "31 ms", Millis(12_345): "12.3 s",
		Bytes(999): "999 B", Bytes(5_175_846): "5.2 MB", Bytes(2_500_000_000): "2.5 GB", Bytes(1500): "1.5 kB",
		Span(300 * time.Millisecond): "0.3s", Span(200 * time.Second): "3m20s", Span(5*time.Hour + 12*time.Minute): "5h12m", Span(-time.Second): "0s",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestBarIsAlwaysAsWideAsAsked(t *testing.T) {
	for f := -0.5; f <= 1.5; f += 0.01 {
		if bar := Bar(f, 20); utf8.RuneCountInString(bar) != 20 {
			t.Fatalf("Bar(%v) is %q", f, bar)
		}
	}
	if Bar(0, 4) != "····" || Bar(0.5, 4) != "██··" || Bar(1, 4) != "████" || Bar(1.0/32, 4) != "▏···" {
		t.Errorf("%q %q %q %q", Bar(0, 4), Bar(0.5, 4), Bar(1, 4), Bar(1.0/32, 4))
	}
}

func TestPlainStyleHasNoControlCharacters(t *testing.T) {
	var s Style
	text := s.Good("a") + s.Bad("b") + s.Table([]Column{{Name: "x"}}, [][]string{{s.Warn("1")}}) + s.Pairs([][2]string{{"k", s.Accent("v")}})
	if strings.ContainsRune(text, 0x1b) {
		t.Errorf("%q", text)
	}
	if got := (Style{Color: true}).Good("a"); got != "\x1b[32ma\x1b[0m" {
		t.Errorf("coloured: %q", got)
	}
}

func TestTablesLineUp(t *testing.T) {
	columns := []Column{{Name: "partition", Right: true}, {Name: "state"}, {Name: "lag", Right: true}}
	rows := [][]string{{"0", "running", "1,234"}, {"11", "ééé"}, {"2", "stopped since a while", "0"}}
	golden.Compare(t, "table.txt", Style{}.Table(columns, rows)+"\n"+Style{}.Pairs([][2]string{{"model", "a"}, {"Temporal", "b"}}))
}

func TestColoursDoNotMoveColumns(t *testing.T) {
	columns := []Column{{Name: "a"}, {Name: "b", Right: true}}
	plain := Style{}.Table(columns, [][]string{{"one", "1"}, {"three", "333"}})
	s := Style{Color: true}
	coloured := s.Table(columns, [][]string{{s.Good("one"), "1"}, {"three", s.Bad("333")}})
	for _, escape := range []string{"\x1b[32m", "\x1b[31;1m", "\x1b[2m", "\x1b[0m"} {
		coloured = strings.ReplaceAll(coloured, escape, "")
	}
	if coloured != plain {
		t.Errorf("got\n%swant\n%s", coloured, plain)
	}
}

func TestBoardRedrawsInPlaceOnATerminal(t *testing.T) {
	var out bytes.Buffer
	b := NewBoard(&out, true, 12, 4)
	b.Draw([]Line{{Key: "a", Live: "one"}, {Key: "b", Live: "a line that is too long"}})
	b.Say("news")
	b.Draw([]Line{{Key: "a", Live: "two"}})
	b.Draw([]Line{{Key: "a", Live: "1"}, {Live: "2"}, {Live: "3"}, {Live: "4 would scroll"}})
	b.Leave()
	b.Draw([]Line{{Key: "a", Live: "below"}})
	golden.Compare(t, "board-live.txt", strings.ReplaceAll(out.String(), "\x1b", "<ESC>"))
}

func TestBoardSaysEverythingOnceInALog(t *testing.T) {
	var out bytes.Buffer
	b := NewBoard(&out, false, 0, 0)
	for range 3 {
		b.Draw([]Line{{Key: "a", Plain: "ingest running"}, {Key: "b"}})
	}
	b.Say("news\n")
	b.Draw([]Line{{Key: "a", Plain: "ingest done"}, {Key: "b", Plain: "fit running"}})
	if want := "ingest running\nnews\ningest done\nfit running\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if !b.Said("b") || b.Said("c") {
		t.Error("Said does not tell what was said")
	}
}

func TestCutNeverExceedsTheWidth(t *testing.T) {
	if got := Cut("\x1b[32mabcdef\x1b[0mghi", 5); !strings.HasSuffix(got, "\x1b[0m") || !strings.Contains(got, "abcd") || strings.Contains(got, "ef") {
		t.Errorf("%q", got)
	}
	if Cut("abc", 3) != "abc" || Cut("abcd", 3) != "ab…" || Cut("abcd", 0) != "abcd" {
		t.Errorf("%q %q %q", Cut("abc", 3), Cut("abcd", 3), Cut("abcd", 0))
	}
}
