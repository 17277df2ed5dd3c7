package score

import (
	"fmt"
	"slices"

	"temporal-streaming/internal/record"
)

// Unusable is the reason of a dead letter whose message is well formed, but cannot become history: its event time is not between
// the years 1 and 9999, or a value is beyond what is counted exactly.
const Unusable record.Reason = "unusable"

func unusable(row int) *record.Reject {
	return &record.Reject{Reason: Unusable,
		Detail: fmt.Sprintf("the event time of row %d is not between the years 1 and 9999, or a value is beyond what is counted exactly", row)}
}

// take reads one message and puts it in line.
func (e *StageEngine) take(i int, m *record.Message) {
	w := waiting{input: i, first: e.rows.N}
	if e.decoder != nil {
		e.decode(m, &w)
	} else if kind, rest, reject := e.reads.open(m.Value); reject != nil {
		w.reject = reject
	} else if kind == forwardLabel {
		e.learn(rest, &w)
	} else {
		e.receive(rest, &w)
	}
	e.pending = append(e.pending, w)
}

// decode reads a message of the source. All of its rows become history, or none.
func (e *StageEngine) decode(m *record.Message, w *waiting) {
	texts := e.rows.Texts.Len()
	n, reject := decode(e.decoder, m, &e.rows)
	if reject != nil {
		w.reject = reject
		return
	}
	for row := w.first; e.stage != nil && row < w.first+n; row++ {
		if !e.stage.Usable(e.rows.Row(row)) {
			e.rows.Truncate(w.first, texts)
			w.reject = unusable(row - w.first)
			return
		}
	}
	e.room()
	w.n = n
	w.origin = origin{partition: m.Partition, offset: m.Offset, timestamp: m.Timestamp, rows: n, key: m.Key, sourceID: e.decoder.ID()}
}

// receive reads a record that the stage before has handed on.
func (e *StageEngine) receive(b []byte, w *waiting) {
	e.room()
	width := e.program.Width()
	at := len(e.values)
	e.values = slices.Grow(e.values, width)[:at+width]
	if !e.reads.readRecord(b, &w.origin, &e.rows, e.values[at:]) {
		e.values = e.values[:at]
		w.reject = &record.Reject{Reason: NotForwarded, Detail: "the record ends too early or too late"}
		return
	}
	w.n = 1
}

// learn reads a label. It counts for the records after it, so those before it become history first.
func (e *StageEngine) learn(b []byte, w *waiting) {
	l, ok := e.reads.readLabel(b)
	if !ok {
		w.reject = &record.Reject{Reason: NotForwarded, Detail: "the label ends too early or too late"}
		return
	}
	e.settle()
	e.histories.Of(e.on).LearnByID(l.id, l.positive, l.knownAt)
}

// Origin tells of which row of which message of the source a message of the stage's topic is; ok is false where it is of none, as
// a label.
func (e *StageEngine) Origin(value []byte) (partition int32, offset int64, row int, ok bool) {
	kind, rest, reject := e.reads.open(value)
	if reject != nil || kind != forwardRecord {
		return 0, 0, 0, false
	}
	o, ok := originOf(rest)
	return o.Partition, o.Offset, o.Row, ok
}

// Origin is a row of the source.
type Origin struct {
	Partition int32
	Offset    int64
	Row       int
	Timestamp int64 // of its message, unix milliseconds
}

// OriginOf tells of which row a message between stages is, whatever the features it was written under; ok is false where it is of
// none, as a label.
func OriginOf(value []byte) (o Origin, ok bool) {
	if len(value) < forwardHeader || value[0] != forwardMagic || value[1] != forwardVersion || value[2] != forwardRecord {
		return Origin{}, false
	}
	return originOf(value[forwardHeader:])
}

func originOf(rest []byte) (o Origin, ok bool) {
	in := forwardReader{b: rest}
	o = Origin{Partition: int32(in.varint()), Offset: in.varint(), Timestamp: in.varint(), Row: int(in.varint())}
	return o, !in.torn
}
