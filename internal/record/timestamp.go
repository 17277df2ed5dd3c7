package record

import "time"

// timestamp reads an RFC 3339 time ("2018-07-25T06:12:09.5+02:00") as unix seconds. It is stricter than time.Parse (no
// comma for the fraction, 9 digits of it at most) and allocates nothing.
func timestamp(b []byte) (seconds float64, ok bool) {
	const form = "2006-01-02T15:04:05"
	if len(b) < len(form)+1 {
		return 0, false
	}
	for i := range form {
		if c := form[i]; c-'0' <= 9 && b[i]-'0' > 9 || c-'0' > 9 && b[i] != c {
			return 0, false
		}
	}
	year, month, day := digits(b[0:4]), digits(b[5:7]), digits(b[8:10])
	hour, minute, second := digits(b[11:13]), digits(b[14:16]), digits(b[17:19])
	if hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	at := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if at.Month() != time.Month(month) || at.Day() != day { // 30 February and the like were carried over
		return 0, false
	}
	rest := b[len(form):]
	nanos := 0
	if rest[0] == '.' {
		n := skipDigits(rest, 1)
		if n == 1 || n > 10 || n == len(rest) {
			return 0, false
		}
		nanos = digits(rest[1:n])
		for range 10 - n {
			nanos *= 10
		}
		rest = rest[n:]
	}
	offset, ok := zone(rest)
	if !ok {
		return 0, false
	}
	return float64(at.Unix()-int64(offset)) + float64(nanos)/1e9, true
}

// zone reads Z or +hh:mm as seconds east of UTC.
func zone(b []byte) (seconds int, ok bool) {
	if len(b) == 1 && b[0] == 'Z' {
		return 0, true
	}
	if len(b) != 6 || b[0] != '+' && b[0] != '-' || b[3] != ':' ||
		skipDigits(b[:3], 1) != 3 || skipDigits(b, 4) != 6 {
		return 0, false
	}
	hours, minutes := digits(b[1:3]), digits(b[4:6])
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	seconds = hours*3600 + minutes*60
	if b[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// digits is the number that a few checked digits spell.
func digits(b []byte) int {
	n := 0
	for _, c := range b {
		n = n*10 + int(c-'0')
	}
	return n
}
