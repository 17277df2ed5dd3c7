package score

import (
	"encoding/binary"
	"fmt"
	"math"

	"temporal-streaming/internal/record"
)

// A stage hands a record on to the next one, and the labels stage a label, as a message of bytes:
//
//	0xF7, version 1, kind        one byte each
//	digest                       8 bytes: of the features and the columns, so that no stage reads what another plan wrote
//	record: partition, offset, timestamp, row, rows        varints: where it stood in the source
//	        key, source id                                 length + 1 as a varint, and the bytes; 0: there is none
//	        the columns of the stream's schema             8 bytes each; of a text, its length as a varint and its bytes
//	        the aggregates of the stages before            8 bytes each, in the order of the stages and their features
//	label:  the record's id                                8 bytes, as feature.Stage.ID has it
//	        positive                                       one byte
//	        when it was known                              varint, unix milliseconds
//
// Whole numbers are little-endian; floats are their bits. Every later version reads version 1.
const (
	forwardMagic   = 0xF7
	forwardVersion = 1
	forwardHeader  = 3 + 8

	forwardRecord = 1
	forwardLabel  = 2
)

// Reasons of dead letters of what a stage hands on.
const (
	// NotForwarded is the reason for a message in a stage's topic that no stage has written.
	NotForwarded record.Reason = "not_forwarded"
	// OtherFeatures is the reason for one that was written under other features: the stream was not drained before they changed.
	OtherFeatures record.Reason = "other_features"
)

// origin is where a record stood in the source, and how it is named: what a prediction says of it.
type origin struct {
	partition int32
	offset    int64
	timestamp int64
	row, rows int
	key       []byte // of the message; nil: none
	sourceID  []byte // a JSON token; nil: none
}

// forwarder writes and reads what stages of one plan hand on.
type forwarder struct {
	digest uint64
	texts  []bool // by column
	inputs []int  // the features that are handed on, in order
}

func (f *forwarder) header(out []byte, kind byte) []byte {
	out = append(out, forwardMagic, forwardVersion, kind)
	return binary.LittleEndian.AppendUint64(out, f.digest)
}

// record appends a record.
func (f *forwarder) record(out []byte, o *origin, row []float64, texts *record.Texts, values []float64) []byte {
	out = f.header(out, forwardRecord)
	out = binary.AppendVarint(out, int64(o.partition))
	out = binary.AppendVarint(out, o.offset)
	out = binary.AppendVarint(out, o.timestamp)
	out = binary.AppendVarint(out, int64(o.row))
	out = binary.AppendVarint(out, int64(o.rows))
	out = appendBytes(out, o.key)
	out = appendBytes(out, o.sourceID)
	for c, v := range row {
		if f.texts[c] {
			text := texts.At(v)
			out = append(binary.AppendUvarint(out, uint64(len(text))), text...)
		} else {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
		}
	}
	for _, i := range f.inputs {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(values[i]))
	}
	return out
}

// label appends a label.
func (f *forwarder) label(out []byte, l label) []byte {
	out = f.header(out, forwardLabel)
	out = binary.LittleEndian.AppendUint64(out, l.id)
	positive := byte(0)
	if l.positive {
		positive = 1
	}
	return binary.AppendVarint(append(out, positive), l.knownAt)
}

// label is what the labels stage tells of a record.
type label struct {
	id       uint64
	positive bool
	knownAt  int64 // unix milliseconds
}

// appendBytes writes bytes that may be nil.
func appendBytes(out, b []byte) []byte {
	if b == nil {
		return append(out, 0)
	}
	return append(binary.AppendUvarint(out, uint64(len(b))+1), b...)
}

// open checks the header and answers the kind and the rest.
func (f *forwarder) open(b []byte) (kind byte, rest []byte, reject *record.Reject) {
	switch {
	case len(b) < forwardHeader || b[0] != forwardMagic || b[2] != forwardRecord && b[2] != forwardLabel:
		return 0, nil, &record.Reject{Reason: NotForwarded, Detail: "the message was not written by a stage of this pipeline"}
	case b[1] != forwardVersion:
		return 0, nil, &record.Reject{Reason: NotForwarded, Detail: fmt.Sprintf("the message has version %d, this program reads %d", b[1], forwardVersion)}
	case binary.LittleEndian.Uint64(b[3:]) != f.digest:
		return 0, nil, &record.Reject{Reason: OtherFeatures, Detail: "the message was written under other features; drain a stream before they are changed"}
	}
	return b[2], b[forwardHeader:], nil
}

// readRecord reads what record wrote, behind the header: the row is appended to rows, the features go to values. Key and source
// id share the message's memory. After ok = false rows is as before.
func (f *forwarder) readRecord(b []byte, o *origin, rows *record.Rows, values []float64) (ok bool) {
	in := forwardReader{b: b}
	partition, row, count := int64(0), int64(0), int64(0)
	for _, v := range [...]*int64{&partition, &o.offset, &o.timestamp, &row, &count} {
		*v = in.varint()
	}
	o.partition, o.row, o.rows = int32(partition), int(row), int(count)
	o.key, o.sourceID = in.bytes(), in.bytes()
	n, texts := rows.N, rows.Texts.Len()
	to := rows.Extend(len(f.texts))
	for c, isText := range f.texts {
		if isText {
			to[c] = rows.Texts.Add(in.take(in.uvarint()))
		} else {
			to[c] = math.Float64frombits(in.word())
		}
	}
	for _, i := range f.inputs {
		values[i] = math.Float64frombits(in.word())
	}
	if in.torn || len(in.b) > 0 || int64(o.partition) != partition {
		rows.Truncate(n, texts)
		return false
	}
	return true
}

func (f *forwarder) readLabel(b []byte) (l label, ok bool) {
	in := forwardReader{b: b}
	l.id = in.word()
	positive := in.take(1)
	l.knownAt = in.varint()
	if in.torn || len(in.b) > 0 || positive[0] > 1 {
		return label{}, false
	}
	l.positive = positive[0] == 1
	return l, true
}

// forwardReader reads from b until it is torn; from then on it answers zeros.
type forwardReader struct {
	b    []byte
	torn bool
}

func (r *forwardReader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.torn, r.b = true, nil
		return nil
	}
	taken := r.b[:n:n]
	r.b = r.b[n:]
	return taken
}

func (r *forwardReader) word() uint64 {
	b := r.take(8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

func (r *forwardReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.torn, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *forwardReader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.torn, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// bytes reads what appendBytes wrote.
func (r *forwardReader) bytes() []byte {
	n := r.uvarint()
	if n == 0 {
		return nil
	}
	b := r.take(n - 1)
	if b == nil {
		return nil
	}
	return b
}
