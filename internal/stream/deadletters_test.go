package stream

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/record"
)

// letterRecord is a dead letter as the loop writes it.
func letterRecord(at Place, source Place, more ...Header) Record {
	s := &session{Loop: &Loop{Options: Options{Topic: "in", Pipeline: "tiny", Now: func() time.Time { return time.UnixMilli(1_700_000_000_000) }}}}
	o := s.deadLetter(&record.Message{Partition: source.Partition, Offset: source.Offset, Timestamp: 1_600_000_000_000, Key: []byte("k"), Value: []byte("v")}, "not_json", "why")
	r := Record{Topic: "in.dlq", Partition: at.Partition, Offset: at.Offset, Key: o.key, Value: o.value}
	for _, h := range o.headers {
		r.Headers = append(r.Headers, Header{Key: h.key, Value: h.value})
	}
	return Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, Value: r.Value, Headers: append(more, r.Headers...)}
}

func resolutionRecord(at Place, r Resolution) Record {
	rec := Record{Topic: "in.dlq", Partition: at.Partition, Offset: at.Offset, Key: []byte("k"), Value: []byte{}}
	for _, h := range r.headers() {
		rec.Headers = append(rec.Headers, Header{Key: h.key, Value: h.value})
	}
	return rec
}

func TestDeadLetterIsReadAsTheLoopWroteIt(t *testing.T) {
	l, ok := readDeadLetter(letterRecord(Place{0, 5}, Place{3, 417}))
	want := DeadLetter{
		At: Place{0, 5}, Source: Source{Topic: "in", Partition: 3, Offset: 417, Timestamp: "2020-09-13T12:26:40.000Z"}, Pipeline: "tiny",
		Reason: "not_json", Detail: "why", FailedAt: time.UnixMilli(1_700_000_000_000).UTC(), KeyBytes: 1, ValueBytes: 1, KeyHead: []byte("k"),
	}
	if !ok || !reflect.DeepEqual(l, want) {
		t.Errorf("got %+v, %v", l, ok)
	}
	if _, ok := readResolution(letterRecord(Place{0, 5}, Place{3, 417})); ok {
		t.Error("a dead letter was read as a resolution")
	}
}

func TestResolutionIsReadAsItWasWritten(t *testing.T) {
	for _, want := range []Resolution{
		{Action: Drop, Letter: Place{0, 5}, Source: Source{Topic: "in", Partition: 3, Offset: 417}, Pipeline: "tiny", By: "ann", Why: "a test", ResolvedAt: time.UnixMilli(1).UTC()},
		{Action: Retry, Letter: Place{0, 5}, Source: Source{Topic: "in", Partition: 3, Offset: 417, Timestamp: "2020-09-13T12:26:40.000Z"}, Pipeline: "tiny", By: "ann",
			ResolvedAt: time.UnixMilli(1).UTC(), Retried: &Retried{Topic: "in", At: Place{3, 900}, SHA256: "ab", Fixed: true}},
	} {
		want.At = Place{0, 9}
		rec := resolutionRecord(want.At, want)
		if got, ok := readResolution(rec); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, ok, want)
		}
		if _, ok := readDeadLetter(rec); ok {
			t.Error("a resolution was read as a dead letter")
		}
	}
}

// The records were written by the version in the file's name; topics keep them for years. The file is added to, never changed.
func TestDeadLettersOfEveryVersionAreRead(t *testing.T) {
	text, err := os.ReadFile("testdata/deadletters-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var stored []struct {
		Partition  int32
		Offset     int64
		Key, Value string
		Headers    [][2]string
	}
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	d := newDeadLetters("hello-fraud.dlq", 2)
	for _, it := range stored {
		r := Record{Topic: d.Topic, Partition: it.Partition, Offset: it.Offset, Key: []byte(it.Key), Value: []byte(it.Value)}
		for _, h := range it.Headers {
			r.Headers = append(r.Headers, Header{Key: h[0], Value: []byte(h[1])})
		}
		d.add(r)
	}
	d.link()
	if d.Foreign != 0 || len(d.Cases()) != 4 {
		t.Fatalf("%d foreign records, %d cases; want none, and 4", d.Foreign, len(d.Cases()))
	}
	fixed, dropped, cut, again := d.At(Place{1, 0}), d.At(Place{1, 1}), d.At(Place{1, 2}), d.At(Place{1, 5})
	if l := fixed.Letter(); l.Source != (Source{Topic: "hello-fraud", Partition: 1, Offset: 91792, Timestamp: "2026-11-23T19:18:01.984Z"}) || l.Pipeline != "creditcard" ||
		l.Reason != "missing_column" || l.Detail != `column "V2" is missing` || l.FailedAt.UnixMilli() != 1795461482030 || string(l.KeyHead) != "order-7" {
		t.Errorf("read %+v", l)
	}
	if r := fixed.Resolution; r == nil || r.Action != Retry || r.Letter != (Place{1, 0}) || r.By != "ann" || r.Why != "the producer left columns out" || !r.Retried.Fixed ||
		r.Retried.At != (Place{1, 91796}) || !strings.HasPrefix(r.Retried.SHA256, "dcfbf5c9") || r.ResolvedAt.UnixMilli() != 1795461554500 {
		t.Errorf("its resolution: %+v", fixed.Resolution)
	}
	if r := dropped.Resolution; r == nil || r.Action != Drop || r.Retried != nil || dropped.Letter().Source.Timestamp != "" {
		t.Errorf("dropped: %+v", dropped)
	}
	if l := cut.Letter(); !l.Truncated || l.KeyBytes != 7 || l.ValueBytes != 1048577 || cut.Resolution != nil {
		t.Errorf("cut: %+v", cut)
	}
	if again.RetryOf != fixed || d.Again(*fixed.Resolution.Retried) != again {
		t.Error("the record that was put back and died again is not linked to its letter")
	}
}

func TestForeignRecordsAreCountedAndNothingElse(t *testing.T) {
	d := newDeadLetters("in.dlq", 1)
	good := letterRecord(Place{0, 0}, Place{0, 1})
	without := func(name string) Record {
		r := good
		r.Headers = nil
		for _, h := range good.Headers {
			if h.Key != name {
				r.Headers = append(r.Headers, h)
			}
		}
		return r
	}
	foreign := []Record{
		{}, {Key: []byte("k"), Value: []byte{0, 0x1b, 0xff}}, without(HeaderReason), without(HeaderTopic), without(HeaderPartition), without(HeaderOffset),
		letterRecord(Place{0, 0}, Place{0, 1}, Header{HeaderOffset, []byte("-1")}),
		letterRecord(Place{0, 0}, Place{0, 1}, Header{HeaderPartition, []byte("99999999999")}),
		letterRecord(Place{0, 0}, Place{0, 1}, Header{HeaderOffset, bytes.Repeat([]byte("1"), 5000)}),
	}
	for _, r := range foreign {
		d.add(r)
	}
	if d.Foreign != len(foreign) || len(d.Cases()) != 0 {
		t.Errorf("%d foreign of %d, %d cases", d.Foreign, len(foreign), len(d.Cases()))
	}
}

func TestRecordThatDiedTwiceIsOneCase(t *testing.T) {
	d := newDeadLetters("in.dlq", 1)
	d.add(letterRecord(Place{0, 0}, Place{0, 7}))
	d.add(letterRecord(Place{0, 1}, Place{0, 7})) // after a seek back
	d.add(resolutionRecord(Place{0, 2}, Resolution{Action: Drop, Letter: Place{0, 1}, Source: d.At(Place{0, 1}).Letter().Source}))
	if c := d.At(Place{0, 0}); len(d.Cases()) != 1 || c != d.At(Place{0, 1}) || c != d.At(Place{0, 2}) || len(c.Letters) != 2 || c.Resolution == nil {
		t.Errorf("got %+v", c)
	}
}

func TestFirstResolutionStands(t *testing.T) {
	d := newDeadLetters("in.dlq", 1)
	d.add(letterRecord(Place{0, 0}, Place{0, 7}))
	source := d.At(Place{0, 0}).Letter().Source
	d.add(resolutionRecord(Place{0, 1}, Resolution{Action: Drop, Source: source}))
	d.add(resolutionRecord(Place{0, 2}, Resolution{Action: Retry, Source: source, Retried: &Retried{At: Place{0, 8}}}))
	if c := d.At(Place{0, 0}); c.Resolution.Action != Drop {
		t.Errorf("got %+v", c.Resolution)
	}
}

func TestTopicMadeAnewHasCasesOfItsOwn(t *testing.T) {
	d := newDeadLetters("in.dlq", 1)
	d.add(letterRecord(Place{0, 0}, Place{0, 7}))
	d.add(resolutionRecord(Place{0, 1}, Resolution{Action: Drop, Source: d.At(Place{0, 0}).Letter().Source}))
	d.add(letterRecord(Place{0, 2}, Place{0, 7}, Header{HeaderTimestamp, []byte("2026-01-01T00:00:00.000Z")}))
	if c := d.At(Place{0, 2}); c.Resolution != nil {
		t.Errorf("a record at a place of before is resolved: %+v", c.Resolution)
	}
}

func TestLetterOfARetriedRecordIsLinked(t *testing.T) {
	d := newDeadLetters("in.dlq", 1)
	for try := range int64(3) {
		d.add(letterRecord(Place{0, 2 * try}, Place{0, 10 + try}))
		d.add(resolutionRecord(Place{0, 2*try + 1}, Resolution{Action: Retry, Source: d.At(Place{0, 2 * try}).Letter().Source, Retried: &Retried{At: Place{0, 11 + try}}}))
	}
	d.link()
	first, last := d.At(Place{0, 0}), d.At(Place{0, 4})
	if first.Tries() != 1 || last.Tries() != 3 || last.RetryOf.RetryOf != first || d.Again(*first.Resolution.Retried) != d.At(Place{0, 2}) || d.Again(*last.Resolution.Retried) != nil {
		t.Errorf("%d and %d tries", first.Tries(), last.Tries())
	}
}

func TestCircleOfMadeUpHeadersEnds(t *testing.T) {
	d := newDeadLetters("in.dlq", 1)
	d.add(letterRecord(Place{0, 0}, Place{0, 1}))
	d.add(letterRecord(Place{0, 1}, Place{0, 2}))
	d.add(resolutionRecord(Place{0, 2}, Resolution{Action: Retry, Source: d.At(Place{0, 0}).Letter().Source, Retried: &Retried{At: Place{0, 2}}}))
	d.add(resolutionRecord(Place{0, 3}, Resolution{Action: Retry, Source: d.At(Place{0, 1}).Letter().Source, Retried: &Retried{At: Place{0, 1}}}))
	d.link()
	if n := d.At(Place{0, 0}).Tries(); n != manyTries {
		t.Errorf("%d tries", n)
	}
}

func TestPlacesAreReadStrictly(t *testing.T) {
	if p, err := ParsePlace("3@417"); err != nil || p != (Place{3, 417}) || p.String() != "3@417" {
		t.Errorf("%v, %v", p, err)
	}
	for _, text := range []string{"", "3", "@", "3@", "@4", "-1@4", "3@-4", "3:4", "2147483648@0", "0@9223372036854775808", "0@1@2", " 0@1", strings.Repeat("9", 1000)} {
		if p, err := ParsePlace(text); err == nil {
			t.Errorf("%q was read as %v", cut(text, 20), p)
		} else if len(err.Error()) > 200 {
			t.Errorf("%q: the error has %d bytes", cut(text, 20), len(err.Error()))
		}
	}
}

// FuzzDeadLetters: whatever is in the topic, reading it neither panics nor lets one record
// be two things; and what is read as a resolution is written as it was read.
func FuzzDeadLetters(f *testing.F) {
	add := func(r Record) {
		var headers []byte
		for _, h := range r.Headers {
			headers = append(headers, h.Key+"\x00"+string(h.Value)+"\x01"...)
		}
		f.Add(headers, r.Key, r.Value)
	}
	add(letterRecord(Place{0, 5}, Place{3, 417}))
	add(letterRecord(Place{0, 5}, Place{3, 417}, Header{HeaderTruncated, []byte("3/4")}))
	add(resolutionRecord(Place{0, 6}, Resolution{Action: Retry, Letter: Place{0, 5}, Source: Source{Topic: "in"}, Retried: &Retried{At: Place{3, 9}}}))
	add(resolutionRecord(Place{0, 6}, Resolution{Action: Drop, Letter: Place{0, 5}, Source: Source{Topic: "in"}}))
	f.Fuzz(func(t *testing.T, headers, key, value []byte) {
		r := Record{Key: key, Value: value}
		for h := range bytes.SplitSeq(headers, []byte{1}) {
			name, text, _ := bytes.Cut(h, []byte{0})
			r.Headers = append(r.Headers, Header{string(name), text})
		}
		l, letter := readDeadLetter(r)
		res, resolution := readResolution(r)
		if letter && (l.Reason == "" || l.Source.Topic == "" || l.Source.Offset < 0 || len(l.Detail) > detailBytes || len(l.KeyHead) > keyHead) {
			t.Errorf("read %+v", l)
		}
		if resolution {
			again, ok := readResolution(resolutionRecord(res.At, res))
			if !ok || again.Action != res.Action || again.Source != res.Source || again.Letter != res.Letter {
				t.Errorf("%+v became %+v", res, again)
			}
		}
		d := newDeadLetters("in.dlq", 1)
		d.add(r)
		d.add(r)
		d.link()
		if n := len(d.Cases()); n > 1 || (n == 1) != letter || d.Foreign > 0 == (letter || resolution) {
			t.Errorf("letter %v, resolution %v: %d cases, %s foreign", letter, resolution, n, strconv.Itoa(d.Foreign))
		}
	})
}
