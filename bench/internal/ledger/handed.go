package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// handed is what a first stage hands on: a payment, or the label of one.
type handed struct {
	n     int64 // the payment's number; -1: unknown
	label bool
	fraud bool // of a label

	partition int32 // of a payment: where it stands in the input; else -1
	offset    int64
	customer  aggregates
}

var errHanded = errors.New("it is no message between stages")

// decodeHanded reads one by its own words: docs/messages.md says what stands in it, internal/score/forward.go in which bytes.
func decodeHanded(b []byte) (h handed, err error) {
	h = handed{n: -1, partition: -1, offset: -1}
	const header = 11
	if len(b) < header || b[0] != 0xF7 || b[1] != 1 {
		return h, errHanded
	}
	in := bytesOf{b: b[header:]}
	switch b[2] {
	case 1:
		partition, offset := in.varint(), in.varint()
		in.varint() // the timestamp
		row, rows := in.varint(), in.varint()
		in.text() // the key
		id := in.text()
		// The columns of the schema are the ledger's own business; what it needs of the stage before stands at the end.
		rest := in.b
		if size := 8 * len(h.customer); in.torn || len(rest) < size || row != 0 || rows != 1 {
			return h, errHanded
		}
		for i := range h.customer {
			h.customer[i] = math.Float64frombits(binary.LittleEndian.Uint64(rest[len(rest)-8*(len(h.customer)-i):]))
		}
		h.partition, h.offset = int32(partition), offset
		if h.n, err = strconv.ParseInt(string(id), 10, 64); err != nil {
			h.n = -1
			return h, fmt.Errorf("%w: id %q", errHanded, id)
		}
	case 2:
		id, fraud := in.take(8), in.take(1)
		in.varint() // when it was known
		if in.torn || len(in.b) > 0 {
			return h, errHanded
		}
		h.n, h.label, h.fraud = int64(binary.LittleEndian.Uint64(id)), true, fraud[0] == 1
	default:
		return h, errHanded
	}
	return h, nil
}

// bytesOf reads from b until it is torn.
type bytesOf struct {
	b    []byte
	torn bool
}

func (r *bytesOf) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.torn, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *bytesOf) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.torn, r.b = true, nil
		return nil
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

// text reads bytes behind their length and one more; 0 is none.
func (r *bytesOf) text() []byte {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.torn, r.b = true, nil
		return nil
	}
	if r.b = r.b[n:]; v == 0 {
		return nil
	}
	return r.take(v - 1)
}
