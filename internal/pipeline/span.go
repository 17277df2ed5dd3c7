package pipeline

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Span is a length of event time as the file writes it: a whole number and a unit, as in 30s, 10m, 1h or 7d. A day is always
// 86,400 seconds. Two words stand for lengths that are not numbers: All and LabelDelay. A window may also be so many records, as in
// 50rows.
type Span string

const (
	All        Span = "all"         // a window that goes back to the key's first record
	LabelDelay Span = "label_delay" // a shift by label.delay
)

// maxSpan bounds windows and delays, so that no sum of them overflows.
const maxSpan = 3660 * 24 * time.Hour

var units = map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second}

// Duration returns the span's length. The empty span, All and LabelDelay have none.
func (s Span) Duration() (time.Duration, error) {
	if len(s) >= 2 {
		unit, known := units[s[len(s)-1]]
		n, err := strconv.ParseUint(string(s[:len(s)-1]), 10, 31)
		if known && err == nil && time.Duration(n) <= maxSpan/unit && !strings.HasPrefix(string(s), "+") {
			return time.Duration(n) * unit, nil
		}
	}
	return 0, fmt.Errorf("%q: write a whole number and a unit, such as 30s, 10m, 1h or 7d, up to 3660d", string(s))
}

// maxRows bounds windows of records: those that look at each of them look at no more.
const maxRows = 1000

// Rows returns how many records a window of records holds; ok is false for other spans.
func (s Span) Rows() (n int, ok bool) {
	digits, ok := strings.CutSuffix(string(s), "rows")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 1 && n <= maxRows && strconv.Itoa(n) == digits
}

// EventTime says when records happened, and how far out of order they may arrive.
type EventTime struct {
	Column string `yaml:"column"`
	// Tolerance is how far a record may lie behind the newest of its key and still take its own place in time. One that
	// lies further behind counts as if it had happened that far behind. Default 1h.
	Tolerance Span `yaml:"tolerance"`
}

// Arrival says how labels become known to features.
type Arrival string

const (
	// Delayed: the label of a record counts from label.delay after its event time on, and never before, even where it is
	// known earlier. So no race decides a feature.
	Delayed Arrival = "delayed"
	// AsTheyArrive: the label of a record counts from the moment it is known.
	AsTheyArrive Arrival = "as_they_arrive"
)

// Label says which column holds the truth. A row is positive where the column equals Positive.
type Label struct {
	Column   string  `yaml:"column"`
	Positive float64 `yaml:"positive"`
	Delay    Span    `yaml:"delay"`    // how long after a record its label is known; default none: at once
	KnownAt  string  `yaml:"known_at"` // as_they_arrive: the column with the time at which the label was known; default: event time and delay
	Topic    string  `yaml:"topic"`    // where labels arrive on the stream; default: the source's topic with ".labels"
}

// LabelDelay returns the delay of labels; 0 where none is declared.
func (d *Definition) LabelDelay() time.Duration {
	delay, err := d.Label.Delay.Duration()
	if err != nil {
		return 0
	}
	return delay
}

// ShiftOf returns how far a feature's windows are moved back.
func (d *Definition) ShiftOf(f Feature) time.Duration {
	if f.Shift == LabelDelay {
		return d.LabelDelay()
	}
	shift, err := f.Shift.Duration()
	if err != nil {
		return 0
	}
	return shift
}
