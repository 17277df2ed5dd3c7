package score

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// encoder writes predictions. What is the same in all of them is written once, when it is made.
type encoder struct {
	topic     []byte // escaped
	threshold float32
	stateful  bool   // predictions have a fingerprint of their features
	positive  []byte // from `,"decision":` to `"partition":`
	negative  []byte
	scoredAt  []byte // from `,"scored_at":` to the closing brace
	event     stamp
	scored    stamp
}

func newEncoder(b *Bundle, topic string) encoder {
	middle := func(decision string) []byte {
		out := appendString([]byte(`,"decision":`), decision)
		out = appendFloat(append(out, `,"threshold":`...), b.Model.Threshold)
		out = appendString(append(out, `,"model":`...), b.Name)
		out = appendString(append(out, `,"model_version":`...), b.Version)
		out = appendString(append(out, `,"topic":`...), topic)
		return append(out, `,"partition":`...)
	}
	return encoder{
		topic:     appendEscaped(nil, []byte(topic)),
		threshold: b.Model.Threshold,
		positive:  middle(b.Definition.Decision.Positive),
		negative:  middle(b.Definition.Decision.Negative),
	}
}

// startBatch sets the time that the batch's predictions are stamped with.
func (e *encoder) startBatch(now time.Time) {
	e.scoredAt = append(e.scoredAt[:0], `,"scored_at":`...)
	e.scoredAt = e.scored.append(e.scoredAt, now.UnixMilli())
	e.scoredAt = append(e.scoredAt, '}')
}

// prediction appends the JSON of one row's prediction. id is what the record's own id column says; nil where it has none.
func (e *encoder) prediction(out []byte, o *origin, id []byte, features uint64, probability float32) []byte {
	out = append(out, `{"id":`...)
	if id != nil {
		out = append(appendEscaped(append(out, '"'), id), '"')
	} else {
		out = e.id(out, o)
	}
	if o.sourceID != nil {
		out = append(out, `,"source_id":`...)
		out = appendToken(out, o.sourceID)
	}
	out = append(out, `,"probability":`...)
	out = appendFloat(out, probability)
	if probability >= e.threshold {
		out = append(out, e.positive...)
	} else {
		out = append(out, e.negative...)
	}
	out = strconv.AppendInt(out, int64(o.partition), 10)
	out = append(out, `,"offset":`...)
	out = strconv.AppendInt(out, o.offset, 10)
	out = append(out, `,"row":`...)
	out = strconv.AppendInt(out, int64(o.row), 10)
	if e.stateful {
		out = append(out, `,"features":"`...)
		out = appendHex(out, features)
		out = append(out, '"')
	}
	out = append(out, `,"event_time":`...)
	out = e.event.append(out, o.timestamp)
	return append(out, e.scoredAt...)
}

// id appends the prediction's id, as Prediction describes it.
func (e *encoder) id(out []byte, o *origin) []byte {
	out = append(out, '"')
	switch {
	case len(o.key) > 0 && plainText(o.key) == len(o.key):
		out = append(out, o.key...)
	case len(o.key) > 0 && utf8.Valid(o.key):
		out = appendEscaped(out, o.key)
	default:
		out = append(out, e.topic...)
		out = append(out, '-')
		out = strconv.AppendInt(out, int64(o.partition), 10)
		out = append(out, '-')
		out = strconv.AppendInt(out, o.offset, 10)
	}
	if o.rows > 1 {
		out = append(out, '#')
		out = strconv.AppendInt(out, int64(o.row), 10)
	}
	return append(out, '"')
}

// appendHex writes 16 hexadecimal digits.
func appendHex(out []byte, v uint64) []byte {
	const hex = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		out = append(out, hex[v>>shift&15])
	}
	return out
}

// appendFloat writes a finite float32 with as few digits as identify it, in the form that encoding/json chooses.
func appendFloat(out []byte, v float32) []byte {
	format := byte('f')
	if a := math.Abs(float64(v)); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(out, float64(v), format, -1, 32)
}

// appendString writes a JSON string.
func appendString(out []byte, s string) []byte {
	return append(appendEscaped(append(out, '"'), []byte(s)), '"')
}

// appendEscaped writes text between a JSON string's quotes: quotes, backslashes and control characters are escaped, and bytes
// that are not UTF-8 become U+FFFD.
func appendEscaped(out, s []byte) []byte {
	const hex = "0123456789abcdef"
	i := plainText(s)
	out = append(out, s[:i]...)
	for i < len(s) {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < 0x20 || c == 0x7f:
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			out = append(out, c)
		default:
			r, size := utf8.DecodeRune(s[i:])
			out = utf8.AppendRune(out, r)
			i += size
			continue
		}
		i++
	}
	return out
}

// plainText is how many bytes at the front of s stand for themselves in a JSON string, all of them in ASCII. It may answer a few too
// few: it looks at eight at a time.
func plainText(s []byte) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	special := func(w uint64) uint64 {
		quote, slash, del := w^'"'*ones, w^'\\'*ones, w^0x7f*ones
		// A byte below 0x20 (or a 0, of those that are compared) borrows from its highest bit. What borrows from the
		// byte behind may be taken for one more: that costs time, and nothing else.
		return (w | (w - 0x20*ones) | (quote - ones) | (slash - ones) | (del - ones)) & highs
	}
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if special(binary.LittleEndian.Uint64(s[i:])) != 0 {
			return i
		}
	}
	if i < len(s) {
		var last [8]byte // the rest of it must be nothing special
		binary.LittleEndian.PutUint64(last[:], '0'*ones)
		if copy(last[:], s[i:]); special(binary.LittleEndian.Uint64(last[:])) != 0 {
			return i
		}
	}
	return len(s)
}

// appendToken writes a JSON number or string that was checked on its way in; only invalid UTF-8 is left to mend.
func appendToken(out, token []byte) []byte {
	if token[0] != '"' || utf8.Valid(token) { // a number is ASCII
		return append(out, token...)
	}
	for len(token) > 0 {
		r, size := utf8.DecodeRune(token)
		out = utf8.AppendRune(out, r)
		token = token[size:]
	}
	return out
}
