package score

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"os"
	"strings"
	"testing"

	"temporal-streaming/internal/record"
)

// forwardedV1 are messages of version 1 as they were written then: testdata/forward-v1.hex has one a line, and is never written anew.
func forwardedV1(t testing.TB) [][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/forward-v1.hex")
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for line := range strings.Lines(string(text)) {
		b, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

func reader() forwarder {
	return forwarder{digest: 0x0123456789abcdef, texts: []bool{false, true, false}, inputs: []int{0, 2}}
}

func TestMessagesOfVersion1AreRead(t *testing.T) {
	messages := forwardedV1(t)
	f := reader()
	kind, rest, reject := f.open(messages[0])
	if reject != nil || kind != forwardRecord {
		t.Fatalf("kind %d, %v", kind, reject)
	}
	var o origin
	var rows record.Rows
	values := []float64{9, 9, 9}
	if !f.readRecord(rest, &o, &rows, values) {
		t.Fatal("the record is not read")
	}
	row := rows.Row(0)
	if o.partition != 3 || o.offset != 123456789 || o.timestamp != 1530000000123 || o.row != 1 || o.rows != 4 ||
		string(o.key) != "key" || string(o.sourceID) != `"a"` ||
		row[0] != -1.5 || string(rows.Texts.At(row[1])) != "text" || !math.IsNaN(row[2]) || values[0] != 0.25 || values[1] != 9 || values[2] != math.Inf(1) {
		t.Errorf("read %+v, %v, %v", o, row, values)
	}
	var again bytes.Buffer
	again.Write(f.record(nil, &o, row, &rows.Texts, values))
	if !bytes.Equal(again.Bytes(), messages[0]) {
		t.Errorf("written again it is\n%x, and was\n%x", again.Bytes(), messages[0])
	}
	if kind, rest, reject = f.open(messages[1]); reject != nil || kind != forwardLabel {
		t.Fatalf("kind %d, %v", kind, reject)
	}
	want := label{id: 1<<63 + 5, positive: true, knownAt: -7}
	if l, ok := f.readLabel(rest); !ok || l != want || !bytes.Equal(f.label(nil, want), messages[1]) {
		t.Errorf("read %+v; written again it is %x", l, f.label(nil, want))
	}
}

// Whatever the bytes are, they are read whole or refused, and then nothing has changed.
func FuzzForwarded(f *testing.F) {
	for _, m := range forwardedV1(f) {
		f.Add(m)
	}
	f.Add([]byte{forwardMagic, forwardVersion, forwardRecord})
	fw := reader()
	f.Add(binary.AppendUvarint(fw.header(nil, forwardRecord), math.MaxUint64))
	f.Fuzz(func(t *testing.T, b []byte) {
		f := reader()
		kind, rest, reject := f.open(b)
		if reject != nil {
			return
		}
		if kind == forwardLabel {
			if l, ok := f.readLabel(rest); ok {
				if again, ok := f.readLabel(f.label(nil, l)[forwardHeader:]); !ok || again != l {
					t.Errorf("%+v becomes %+v", l, again)
				}
			}
			return
		}
		var o, p origin
		var rows record.Rows
		values := make([]float64, 3)
		if !f.readRecord(rest, &o, &rows, values) {
			if rows.N != 0 || rows.Texts.Len() != 0 {
				t.Errorf("%d rows and %d texts are left", rows.N, rows.Texts.Len())
			}
			return
		}
		written := f.record(nil, &o, rows.Row(0), &rows.Texts, values)
		var other record.Rows
		if !f.readRecord(written[forwardHeader:], &p, &other, values) {
			t.Fatal("what was read cannot be read again")
		}
		if again := f.record(nil, &p, other.Row(0), &other.Texts, values); !bytes.Equal(again, written) {
			t.Errorf("%x becomes %x", written, again)
		}
	})
}
