package feature

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
)

// snapshotWriter writes numbers as varints; after an error it does nothing, and flush tells it.
type snapshotWriter struct {
	w       *bufio.Writer
	scratch [binary.MaxVarintLen64]byte
	err     error
}

func newSnapshotWriter(w io.Writer) *snapshotWriter {
	return &snapshotWriter{w: bufio.NewWriterSize(w, 1<<16)}
}

func (o *snapshotWriter) bytes(b []byte) {
	if o.err == nil {
		_, o.err = o.w.Write(b)
	}
}

func (o *snapshotWriter) number(v uint64) {
	o.bytes(o.scratch[:binary.PutUvarint(o.scratch[:], v)])
}

// difference writes a number that is small in size, whatever its sign.
func (o *snapshotWriter) difference(v uint64) {
	o.bytes(o.scratch[:binary.PutVarint(o.scratch[:], int64(v))])
}

func (o *snapshotWriter) flush() error {
	if o.err != nil {
		return o.err
	}
	return o.w.Flush()
}

// snapshotReader reads what a snapshotWriter wrote, and sums it up; after an error it answers zeros.
type snapshotReader struct {
	r   *bufio.Reader
	sum hash.Hash
	err error
	one [1]byte
}

func newSnapshotReader(r io.Reader) *snapshotReader {
	return &snapshotReader{r: bufio.NewReaderSize(r, 1<<16), sum: sha256.New()}
}

// ReadByte reads a byte of a varint and counts it in.
func (i *snapshotReader) ReadByte() (byte, error) {
	b, err := i.r.ReadByte()
	if err == nil {
		i.one[0] = b
		i.sum.Write(i.one[:]) // a hash never fails
	}
	return b, err
}

func (i *snapshotReader) bytes(b []byte) {
	if i.err != nil {
		return
	}
	if _, i.err = io.ReadFull(i.r, b); i.err == nil {
		i.sum.Write(b)
	}
}

// number reads a number of at most most; 0 after an error.
func (i *snapshotReader) number(most uint64) uint64 {
	if i.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(i)
	if err != nil {
		i.err = err
		return 0
	}
	if v > most {
		i.fail("a number of %d where at most %d make sense", v, most)
		return 0
	}
	return v
}

func (i *snapshotReader) difference() uint64 {
	if i.err != nil {
		return 0
	}
	v, err := binary.ReadVarint(i)
	if err != nil {
		i.err = err
	}
	return uint64(v)
}

func (i *snapshotReader) fail(format string, args ...any) {
	if i.err == nil {
		i.err = fmt.Errorf(format, args...)
	}
}
