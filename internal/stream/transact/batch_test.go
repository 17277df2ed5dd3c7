package transact

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type row struct {
	key, value []byte
	headers    []Header
	at         int64
}

// decode reads a batch by the code of another library.
func decode(t testing.TB, raw []byte) (kmsg.RecordBatch, []row) {
	t.Helper()
	var head kmsg.RecordBatch
	if err := head.ReadFrom(raw); err != nil {
		t.Fatal(err)
	}
	if sum := crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)); uint32(head.CRC) != sum {
		t.Errorf("checksum %x, want %x", uint32(head.CRC), sum)
	}
	var rows []row
	rest := head.Records
	for range head.NumRecords {
		length, n := kbin.Varint(rest)
		var r kmsg.Record
		if err := r.ReadFrom(rest[:n+int(length)]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n+int(length):]
		if int(r.OffsetDelta) != len(rows) {
			t.Errorf("offset %d of record %d", r.OffsetDelta, len(rows))
		}
		it := row{key: r.Key, value: r.Value, at: head.FirstTimestamp + r.TimestampDelta64}
		for _, h := range r.Headers {
			it.headers = append(it.headers, Header{h.Key, h.Value})
		}
		rows = append(rows, it)
	}
	if len(rest) > 0 {
		t.Errorf("%d bytes are left", len(rest))
	}
	return head, rows
}

func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func (r row) String() string { return fmt.Sprintf("%q %q %q at %d", r.key, r.value, r.headers, r.at) }

func (r row) equals(o row) bool {
	if !same(r.key, o.key) || !same(r.value, o.value) || r.at != o.at || len(r.headers) != len(o.headers) {
		return false
	}
	for i, h := range r.headers {
		if h.Key != o.headers[i].Key || !same(h.Value, o.headers[i].Value) {
			return false
		}
	}
	return true
}

func TestBatchesAreReadByOthers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func() []byte {
		if random.IntN(10) == 0 {
			return nil
		}
		p := make([]byte, []int{0, 1, 63, 64, 127, 128, 600, 20_000}[random.IntN(8)])
		for i := range p {
			p[i] = byte(random.Uint32())
		}
		return p
	}
	p := &parcel{}
	for round := range 50 {
		b := p.at(0, int32(round%3))
		at := int64(1_780_000_000_000)
		var want []row
		for range 1 + random.IntN(300) {
			r := row{key: text(), value: text(), at: at}
			for range random.IntN(4) {
				r.headers = append(r.headers, Header{string(text()), text()})
			}
			before := len(b.bytes)
			if b.count == 0 {
				before = headBytes
			}
			p.add(b, r.key, r.value, r.headers, r.at)
			if grown := len(b.bytes) - before; grown > Size(r.key, r.value, r.headers) {
				t.Errorf("a record of %v took %d bytes, where %d is said to be the most", r, grown, Size(r.key, r.value, r.headers))
			}
			want = append(want, r)
			at += int64(random.IntN(3))
		}
		if p.bytes != len(b.bytes)-headBytes && len(p.batches) == 1 {
			t.Errorf("%d bytes are counted, of %d", p.bytes, len(b.bytes)-headBytes)
		}
		b.seal(4711, 12, 99)
		head, got := decode(t, b.bytes)
		if head.ProducerID != 4711 || head.ProducerEpoch != 12 || head.FirstSequence != 99 || head.Attributes != transactional || head.Magic != 2 ||
			head.PartitionLeaderEpoch != -1 || int(head.LastOffsetDelta) != len(want)-1 || head.MaxTimestamp != want[len(want)-1].at {
			t.Errorf("head %+v", head)
		}
		if len(got) != len(want) {
			t.Fatalf("%d records, want %d", len(got), len(want))
		}
		for i := range want {
			if !got[i].equals(want[i]) {
				t.Errorf("record %d is %v, want %v", i, got[i], want[i])
			}
		}
		p.empty()
	}
}

func TestSequenceNumbersBeginAnewBehindTheLargest(t *testing.T) {
	for _, c := range []struct{ at, n, want int32 }{{0, 5, 5}, {math.MaxInt32 - 5, 5, math.MaxInt32}, {math.MaxInt32, 1, 0}, {math.MaxInt32 - 1, 4, 2}} {
		if got := after(c.at, c.n); got != c.want {
			t.Errorf("%d after %d: %d, want %d", c.n, c.at, got, c.want)
		}
	}
}

func TestCollectingAllocatesNothing(t *testing.T) {
	p, key, value := &parcel{}, make([]byte, 36), make([]byte, 250)
	round := func() {
		for i := range 1000 {
			p.add(p.at(0, int32(i%4)), key, value, nil, int64(i))
		}
		for _, b := range p.batches {
			b.seal(1, 2, 3)
		}
		p.empty()
	}
	round()
	if n := testing.AllocsPerRun(20, round); n > 0 {
		t.Errorf("%.1f allocations for 1,000 records", n)
	}
}

func TestTheSecondVersionNeedsTheClustersWordAndAllOfItsRequests(t *testing.T) {
	answer := func(level, produce, claim, offsets, end int16) *kmsg.ApiVersionsResponse {
		r := kmsg.NewPtrApiVersionsResponse()
		r.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: 0, MaxVersion: produce}, {ApiKey: 22, MaxVersion: claim}, {ApiKey: 28, MaxVersion: offsets}, {ApiKey: 26, MaxVersion: end}, {ApiKey: 3, MaxVersion: 13}}
		r.FinalizedFeatures = []kmsg.ApiVersionsResponseFinalizedFeature{{Name: "group.version", MaxVersionLevel: 5}, {Name: "transaction.version", MaxVersionLevel: level}}
		return r
	}
	for _, c := range []struct {
		of   *kmsg.ApiVersionsResponse
		want bool
	}{
		{answer(2, 12, 5, 5, 5), true}, {answer(3, 13, 6, 6, 6), true}, {answer(1, 13, 6, 6, 6), false}, {answer(2, 11, 5, 5, 5), false},
		{answer(2, 12, 4, 5, 5), false}, {answer(2, 12, 5, 4, 5), false}, {answer(2, 12, 5, 5, 4), false}, {kmsg.NewPtrApiVersionsResponse(), false},
	} {
		if got := secondVersion(c.of); got != c.want {
			t.Errorf("%v, want %v, for %+v", got, c.want, c.of)
		}
	}
}
