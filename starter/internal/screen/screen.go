// Package screen draws what a person sees: tables, bars, the board of a run's
// steps, and numbers as people write them.
//
// Drawing is a function of its arguments: the same values give the same text, so
// every screen is tested against a file. Only Board holds state, namely what it
// drew last. Colours and redrawing are for terminals: with the zero Style the text
// holds no control characters at all, whatever is drawn.
//
//	style := screen.Style{Color: true}
//	fmt.Println(style.Good("promoted"), screen.Bar(0.4, 20), screen.Count(284807))
package screen

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
)

// Style decides whether text is coloured. The zero Style is plain.
type Style struct{ Color bool }

// The colours, by what they mean.
func (s Style) Good(t string) string   { return s.paint(t, text.FgGreen) }
func (s Style) Warn(t string) string   { return s.paint(t, text.FgYellow) }
func (s Style) Bad(t string) string    { return s.paint(t, text.FgRed, text.Bold) }
func (s Style) Dim(t string) string    { return s.paint(t, text.Faint) }
func (s Style) Strong(t string) string { return s.paint(t, text.Bold) }
func (s Style) Accent(t string) string { return s.paint(t, text.FgCyan) }

func (s Style) paint(t string, colors ...text.Color) string {
	if !s.Color || t == "" {
		return t
	}
	return text.Colors(colors).EscapeSeq() + t + text.EscapeReset
}

// Count writes a whole number with thousands apart: 284,807.
func Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// Lag writes a count that is negative when it is not known.
func Lag(n int64) string {
	if n < 0 {
		return "?"
	}
	return Count(n)
}

// Rate writes events per second with as many digits as mean something.
func Rate(perSecond float64) string {
	switch {
	case perSecond <= 0:
		return "0/s"
	case perSecond < 10:
		return fmt.Sprintf("%.1f/s", perSecond)
	default:
		return Count(int64(perSecond+0.5)) + "/s"
	}
}

// Millis writes a latency in milliseconds; 0 means that nothing was measured.
func Millis(ms float64) string {
	switch {
	case ms <= 0:
		return "-"
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 10_000:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.1f s", ms/1000)
	}
}

// Bytes writes a size in the units that file managers use.
func Bytes(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	default:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	}
}

// Span writes how long something took: 0.3s, 12s, 3m20s, 5h12m.
func Span(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return d.Round(time.Second).String()
	default:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
}

// Bar is width cells, filled from the left in eighths of a cell. fraction is cut
// off at 0 and 1.
func Bar(fraction float64, width int) string {
	eighths := int(min(max(fraction, 0), 1)*float64(width)*8 + 0.5)
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return bar + strings.Repeat("·", width-text.StringWidth(bar))
}

// Short cuts text to width cells and marks the cut.
func Short(t string, width int) string {
	if text.StringWidth(t) <= width {
		return t
	}
	return text.Trim(t, width-1) + "…"
}

// Pad fills t with spaces to width cells; colours do not count.
func Pad(t string, width int) string {
	return t + strings.Repeat(" ", max(0, width-text.StringWidthWithoutEscSequences(t)))
}

// Left fills t with spaces on the left to width cells; colours do not count.
func Left(t string, width int) string {
	return strings.Repeat(" ", max(0, width-text.StringWidthWithoutEscSequences(t))) + t
}
