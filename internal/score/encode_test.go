package score

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"temporal-streaming/internal/record"
)

func TestFloatsAreReadBackToTheBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float32().Draw(t, "v")
		text := appendFloat(nil, v)
		if !json.Valid(text) {
			t.Fatalf("%s is not JSON", text)
		}
		back, err := strconv.ParseFloat(string(text), 32)
		if err != nil || math.Float32bits(float32(back)) != math.Float32bits(v) {
			t.Fatalf("%v is written %s, read back as %v (%v)", v, text, back, err)
		}
	})
}

func TestStringsAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[\x00-\x7f]{0,20}`)).Draw(t, "s")
		var back string
		if err := json.Unmarshal(appendString(nil, s), &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") {
			t.Fatalf("%q is written %s, read back as %q (%v)", s, appendString(nil, s), back, err)
		}
	})
}

func FuzzEveryKeyAndIDGivesAPredictionInJSON(f *testing.F) {
	f.Add([]byte("5f1c"), []byte("7"), int64(0))
	f.Add([]byte{0xff, 0x00, '"'}, []byte(`"\ud800 é"`), int64(-1))
	f.Add([]byte("\u2028\\"), []byte("\"\xc3\""), int64(math.MaxInt64))
	bundle := opened(f, smallFiles(f))
	engine := engineOf(f, bundle, EngineOptions{})
	var out Output
	f.Fuzz(func(t *testing.T, key, id []byte, timestamp int64) {
		value := append(append([]byte(`{"x":1,"n":2,"id":`), id...), '}')
		in := []record.Message{{Partition: 1, Offset: 2, Timestamp: timestamp, Key: key, Value: value}}
		engine.Process(in, &out)
		if len(out.Results) != 1 {
			t.Fatalf("%d results", len(out.Results))
		}
		if out.Results[0].Kind == KindPrediction {
			checkPrediction(t, in[0], out.Value(0))
		}
	})
}

func FuzzDecodePredictionNeverPanics(f *testing.F) {
	f.Add([]byte(`{"id":"a","probability":0.5,"topic":"t"}`))
	f.Add([]byte(`{"id":"a","probability":1e99,"topic":"t"}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		if p, err := DecodePrediction(value); err == nil && (p.ID == "" || p.Topic == "") {
			t.Fatalf("%+v was accepted", p)
		}
	})
}

func TestDecodePredictionRefusesOtherMessages(t *testing.T) {
	for _, value := range []string{``, `{}`, `[]`, `{"id":"a"}`, `{"id":"a","topic":"t","probability":"high"}`, `{"id":"a","topic":"t"`} {
		if p, err := DecodePrediction([]byte(value)); err == nil {
			t.Errorf("%s was taken for %+v", value, p)
		}
	}
}

func TestStampWritesMillisecondsInUTC(t *testing.T) {
	var s stamp // shared, so that the second it remembers is put to the test
	rapid.Check(t, func(t *rapid.T) {
		milli := rapid.OneOf(
			rapid.Int64Range(-3000, 3000), rapid.Int64Range(firstMilli, lastMilli), rapid.Just(int64(firstMilli)), rapid.Just(int64(lastMilli)),
		).Draw(t, "milli")
		want := time.UnixMilli(milli).UTC().Format(`"2006-01-02T15:04:05.000Z"`)
		if milli == -1 {
			want = "null"
		}
		if got := string(s.append(nil, milli)); got != want {
			t.Fatalf("%d is written %s, want %s", milli, got, want)
		}
	})
}

func TestStampLeavesOutTimesThatNoCalendarHas(t *testing.T) {
	var s stamp
	for _, milli := range []int64{-1, math.MinInt64, math.MaxInt64, firstMilli - 1, lastMilli + 1} {
		if got := s.append(nil, milli); string(got) != "null" {
			t.Errorf("%d is written %s", milli, got)
		}
	}
}

func TestPlainTextIsWhatNeedsNoEscape(t *testing.T) {
	for n := range 20 {
		plain := bytes.Repeat([]byte("a ~"), 7)[:n]
		if got := plainText(plain); got != n {
			t.Errorf("plainText(%q) = %d", plain, got)
		}
		for at := range n {
			for c := range 256 {
				s := bytes.Clone(plain)
				s[at] = byte(c)
				special := c < 0x20 || c >= 0x7f || c == '"' || c == '\\'
				got := plainText(s)
				if special && (got > at || at-got >= 8) || !special && got != n && c != 0x20 && c != 0x21 {
					t.Fatalf("plainText(%q) = %d", s, got)
				}
			}
		}
	}
}
