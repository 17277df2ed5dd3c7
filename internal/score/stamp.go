package score

import "time"

// stamp writes times as the JSON string "2026-01-31T08:15:04.123Z". It keeps the text of the second that it wrote last, since the times of
// neighbouring records mostly share it.
type stamp struct {
	second int64
	text   []byte // of second, from the quote to the point before the milliseconds; nil: none yet
}

// The times that have four digits for the year, in unix milliseconds.
const (
	firstMilli = -62135596800_000 // 0001-01-01
	lastMilli  = 253402300799_999 // 9999-12-31
)

// append writes a time in unix milliseconds; null where it is -1, Kafka's "none", or out of a calendar's range.
func (s *stamp) append(out []byte, milli int64) []byte {
	if milli == -1 || milli < firstMilli || milli > lastMilli {
		return append(out, "null"...)
	}
	second, rest := milli/1000, milli%1000
	if rest < 0 {
		second, rest = second-1, rest+1000
	}
	if s.text == nil || s.second != second {
		s.text = time.Unix(second, 0).UTC().AppendFormat(append(s.text[:0], '"'), "2006-01-02T15:04:05.")
		s.second = second
	}
	out = append(out, s.text...)
	return append(out, byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10), 'Z', '"')
}
