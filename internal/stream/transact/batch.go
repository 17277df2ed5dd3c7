package transact

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// Header is one of a record's headers.
type Header struct {
	Key   string
	Value []byte
}

// batch is a record batch of one partition, as Kafka's format has it since version 2
// (https://kafka.apache.org/documentation/#recordbatch): uncompressed, with the producer's own timestamps. Its memory is used again.
type batch struct {
	topic     int
	partition int32
	bytes     []byte // room for the head, and the records
	count     int32
	first     int64 // timestamp, ms since 1970
	last      int64
	sequence  int32 // of its first record; -1: it was not sent yet
	repeated  bool  // it was sent before
}

// The head's fields, by where they begin.
const (
	atLength        = 8
	atLeaderEpoch   = 12
	atMagic         = 16
	atChecksum      = 17
	atAttributes    = 21
	atLastOffset    = 23
	atFirstTime     = 27
	atLastTime      = 35
	atProducer      = 43
	atProducerEpoch = 51
	atSequence      = 53
	atCount         = 57
	headBytes       = 61

	transactional = 1 << 4 // in the attributes
)

// mostInRecord is what a record takes beside its key, value and headers, at most.
const mostInRecord = 1 + 6*binary.MaxVarintLen32 + binary.MaxVarintLen64

// Size is how many bytes a record takes at most.
func Size(key, value []byte, headers []Header) int {
	n := mostInRecord + len(key) + len(value)
	for i := range headers {
		n += 2*binary.MaxVarintLen32 + len(headers[i].Key) + len(headers[i].Value)
	}
	return n
}

// add appends a record. A nil key, and a nil value, are none.
func (b *batch) add(key, value []byte, headers []Header, now int64) {
	if b.count == 0 {
		b.bytes = append(b.bytes[:0], make([]byte, headBytes)...)
		b.first, b.last, b.sequence, b.repeated = now, now, -1, false
	}
	b.last = max(b.last, now)
	since, offset := now-b.first, int64(b.count)
	size := 1 + varintBytes(since) + varintBytes(offset) + chunkBytes(key) + chunkBytes(value) + varintBytes(int64(len(headers)))
	for i := range headers {
		size += varintBytes(int64(len(headers[i].Key))) + len(headers[i].Key) + chunkBytes(headers[i].Value)
	}
	out := binary.AppendVarint(b.bytes, int64(size))
	out = append(out, 0) // attributes
	out = binary.AppendVarint(out, since)
	out = binary.AppendVarint(out, offset)
	out = appendChunk(out, key)
	out = appendChunk(out, value)
	out = binary.AppendVarint(out, int64(len(headers)))
	for i := range headers {
		out = binary.AppendVarint(out, int64(len(headers[i].Key)))
		out = append(out, headers[i].Key...)
		out = appendChunk(out, headers[i].Value)
	}
	b.bytes = out
	b.count++
}

func varintBytes(n int64) int {
	u := uint64(n)<<1 ^ uint64(n>>63)
	size := 1
	for ; u >= 0x80; u >>= 7 {
		size++
	}
	return size
}

func chunkBytes(p []byte) int {
	if p == nil {
		return 1 // the length -1
	}
	return varintBytes(int64(len(p))) + len(p)
}

func appendChunk(out, p []byte) []byte {
	if p == nil {
		return binary.AppendVarint(out, -1)
	}
	return append(binary.AppendVarint(out, int64(len(p))), p...)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal fills in the head.
func (b *batch) seal(producer int64, epoch int16, sequence int32) {
	b.sequence = sequence
	h, be := b.bytes, binary.BigEndian
	clear(h[:atLength]) // the first offset is the broker's to say
	be.PutUint32(h[atLength:], uint32(len(h)-atLeaderEpoch))
	be.PutUint32(h[atLeaderEpoch:], math.MaxUint32)
	h[atMagic] = 2
	be.PutUint16(h[atAttributes:], transactional)
	be.PutUint32(h[atLastOffset:], uint32(b.count-1))
	be.PutUint64(h[atFirstTime:], uint64(b.first))
	be.PutUint64(h[atLastTime:], uint64(b.last))
	be.PutUint64(h[atProducer:], uint64(producer))
	be.PutUint16(h[atProducerEpoch:], uint16(epoch))
	be.PutUint32(h[atSequence:], uint32(sequence))
	be.PutUint32(h[atCount:], uint32(b.count))
	be.PutUint32(h[atChecksum:], crc32.Checksum(h[atAttributes:], castagnoli))
}

// after is the sequence number behind n more records.
func after(sequence, n int32) int32 {
	if sequence > math.MaxInt32-n {
		return n - (math.MaxInt32 - sequence) - 1
	}
	return sequence + n
}

// parcel is what goes to the broker together: a batch for each partition at most.
type parcel struct {
	batches []*batch   // those that hold something
	of      [][]*batch // by topic and partition
	bytes   int        // of the records
}

// at is the batch of a partition.
func (p *parcel) at(topic int, partition int32) *batch {
	for len(p.of) <= topic {
		p.of = append(p.of, nil)
	}
	for len(p.of[topic]) <= int(partition) {
		p.of[topic] = append(p.of[topic], nil)
	}
	b := p.of[topic][partition]
	if b == nil {
		b = &batch{topic: topic, partition: partition}
		p.of[topic][partition] = b
	}
	return b
}

// fits tells whether so many bytes more keep a batch within most. A record that is alone always fits.
func (b *batch) fits(more, most int) bool { return b.count == 0 || len(b.bytes)+more <= most }

func (p *parcel) add(b *batch, key, value []byte, headers []Header, now int64) {
	if b.count == 0 {
		p.batches = append(p.batches, b)
		p.bytes -= headBytes
		b.bytes = b.bytes[:0]
	}
	before := len(b.bytes)
	b.add(key, value, headers, now)
	p.bytes += len(b.bytes) - before
}

// empty forgets the records, and the memory of batches that were much larger before.
func (p *parcel) empty() {
	for _, b := range p.batches {
		if b.count = 0; cap(b.bytes) > max(64<<10, 4*len(b.bytes)) {
			b.bytes = nil
		}
	}
	p.batches, p.bytes = p.batches[:0], 0
}
