package stream

import (
	"encoding/json"
	"fmt"
)

// mark is what a partition's committed offset says: the offset, and in the metadata that
// Kafka keeps beside it the orders under which it was committed. Both change in the same
// transaction as the predictions.
type mark struct {
	next int64 // -1: nothing is committed
	note
}

// note is the metadata, as JSON.
type note struct {
	Format     int    `json:"v"`
	Generation int64  `json:"generation"`
	Since      int64  `json:"since"`            // the first offset read under the generation
	Seek       string `json:"seek,omitempty"`   // id of the last seek
	Before     int64  `json:"before,omitempty"` // the offset committed before that seek
}

// noteFormat is the one that this version writes. A later one must read it, too.
const noteFormat = 1

// unordered is the generation of offsets that were committed without a note: by another
// tool, or before there were orders.
const unordered = -1

// largestNote is what a broker takes by default (offset.metadata.max.bytes).
const largestNote = 4096

func (n note) text() string {
	n.Format = noteFormat
	text, err := json.Marshal(n)
	if err != nil || len(text) > largestNote {
		return "" // as if another tool had committed: the next owner takes its orders from here on
	}
	return string(text)
}

// readMark reads a committed offset. Metadata that is not a note is another tool's, which
// has moved the offset on purpose: it is no error. A note of a later format is: its owner
// is newer than this program.
func readMark(next int64, metadata string) (mark, error) {
	m := mark{next: max(-1, next), note: note{Generation: unordered}}
	if next < 0 || metadata == "" {
		return m, nil
	}
	var n note
	if json.Unmarshal([]byte(metadata), &n) != nil || n.Format == 0 {
		return m, nil
	}
	if n.Format > noteFormat {
		return m, fmt.Errorf("the committed offset carries a note of format %d, this program knows %d: upgrade it", n.Format, noteFormat)
	}
	if n.Generation < 0 || n.Since < 0 || n.Since > next || n.Before < 0 {
		return m, nil
	}
	m.note = n
	return m, nil
}
