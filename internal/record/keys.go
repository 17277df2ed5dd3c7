package record

import "encoding/json"

// role says what a top-level key may mean beside being a column.
type role uint8

const (
	roleNone role = iota
	roleColumns
	roleData
	roleID
)

// keyGuess is a key as it stood in the last message and what it meant, so that the next message's key at the same place
// needs one comparison of bytes.
type keyGuess struct {
	raw    []byte // with its quotes
	column int    // in the schema, or -1
	role   role
}

// Keys beyond these bounds are resolved each time, so that a hostile message cannot make the memory grow.
const (
	maxGuesses  = 256
	maxGuessLen = 128
)

// key reads the k-th key of an object, at i.
func (d *Decoder) key(b []byte, i, k int) (keyGuess, int) {
	if k < len(d.keys) && hasPrefixAt(b, i, d.keys[k].raw) {
		return d.keys[k], i + len(d.keys[k].raw)
	}
	if b[i] != '"' {
		return keyGuess{}, -1
	}
	end, escaped := text(b, i)
	if end < 0 {
		return keyGuess{}, -1
	}
	name := d.unquote(b[i:end], escaped)
	guess := keyGuess{column: d.column(name)}
	switch string(name) {
	case "columns":
		guess.role = roleColumns
	case "data":
		guess.role = roleData
	case "id":
		guess.role = roleID
	}
	if k <= len(d.keys) && k < maxGuesses && end-i <= maxGuessLen {
		if k == len(d.keys) {
			d.keys = append(d.keys, keyGuess{})
		}
		raw := append(d.keys[k].raw[:0], b[i:end]...)
		d.keys[k] = guess
		d.keys[k].raw = raw
	}
	return guess, end
}

// column returns the position of a name in the schema, or -1.
func (d *Decoder) column(name []byte) int {
	if c, ok := d.schema.index[string(name)]; ok {
		return c
	}
	return -1
}

// unquote returns what a valid JSON string means, valid until the next call.
func (d *Decoder) unquote(quoted []byte, escaped bool) []byte {
	if !escaped {
		return quoted[1 : len(quoted)-1]
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil { // cannot happen: text has checked it
		return nil
	}
	d.buffer = append(d.buffer[:0], s...)
	return d.buffer
}
