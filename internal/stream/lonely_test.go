package stream

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
)

// lonely is as much of a broker as a client needs that asks for metadata and offsets: it is the only one, and may say that there is none,
// or that another leads.
//
// The library would begin anew with the brokers that were given, and does not if the end of the last broker is known before all of that
// answer is taken in: what schedules it is then taken for a thing of the past. Other topics make the answer long enough for that.
type lonely struct {
	net.Listener
	dead    atomic.Bool // by what it says
	asked   atomic.Int64
	refuses atomic.Int64 // questions for offsets, before it answers one
}

const others = 20_000

func newLonely(t *testing.T) *lonely {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &lonely{Listener: listener}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go b.serve(c)
		}
	}()
	return b
}

func (b *lonely) serve(c net.Conn) {
	defer c.Close()
	for {
		var size [4]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		request := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(c, request); err != nil || len(request) < 8 {
			return
		}
		answer := append([]byte(nil), request[4:8]...) // the correlation id
		switch key, version := binary.BigEndian.Uint16(request), binary.BigEndian.Uint16(request[2:]); key {
		case 18:
			answer = versions(answer, version)
		case 3:
			b.asked.Add(1)
			answer = b.metadata(answer)
		case 2:
			answer = b.offsets(answer, request)
		default:
			continue // not answered
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)); err != nil {
			return
		}
	}
}

// versions appends a response of ApiVersions, version 0.
func versions(to []byte, asked uint16) []byte {
	code := uint16(0)
	if asked > 0 {
		code = 35 // UNSUPPORTED_VERSION: ask by version 0
	}
	to = binary.BigEndian.AppendUint16(to, code)
	newest := [][2]uint16{{0, 3}, {1, 4}, {2, 1}, {3, 4}, {10, 1}, {18, 0}, {22, 1}} // of each request
	to = binary.BigEndian.AppendUint32(to, uint32(len(newest)))
	for _, it := range newest {
		to = binary.BigEndian.AppendUint16(to, it[0])
		to = binary.BigEndian.AppendUint16(to, 0)
		to = binary.BigEndian.AppendUint16(to, it[1])
	}
	return to
}

// metadata appends a response of Metadata, version 4.
func (b *lonely) metadata(to []byte) []byte {
	int16s := func(v int16) { to = binary.BigEndian.AppendUint16(to, uint16(v)) }
	int32s := func(v ...int32) {
		for _, v := range v {
			to = binary.BigEndian.AppendUint32(to, uint32(v))
		}
	}
	text := func(s string) { int16s(int16(len(s))); to = append(to, s...) }
	host, port, _ := net.SplitHostPort(b.Addr().String())
	n, _ := strconv.Atoi(port)
	dead := b.dead.Load()

	int32s(0) // throttled
	if dead {
		int32s(0)
	} else {
		int32s(1, 1)
		text(host)
		int32s(int32(n))
		int16s(-1) // rack
	}
	int16s(-1) // cluster
	if dead {
		int32s(-1, 1+others) // no controller
	} else {
		int32s(1, 1)
	}
	int16s(0)
	text("in")
	to = append(to, 0) // internal
	int32s(1)
	if dead {
		int16s(5) // LEADER_NOT_AVAILABLE
		int32s(0, -1, 0, 0)
		for i := range others {
			int16s(3)                           // UNKNOWN_TOPIC_OR_PARTITION
			text(fmt.Sprintf("other%0100d", i)) // the library reckons its memory by the length of the answer
			to = append(to, 0)
			int32s(0)
		}
	} else {
		int16s(0)
		int32s(0, 1, 1, 1, 1, 1) // partition, leader, replicas, in sync
	}
	return to
}

// offsets appends a response of ListOffsets, version 1, for one partition: it holds 10 to 19, and one a millisecond from 1,000 on.
func (b *lonely) offsets(to, request []byte) []byte {
	at := int64(binary.BigEndian.Uint64(request[len(request)-8:]))
	offset := map[int64]int64{-2: 10, -1: 20}[at]
	switch {
	case at > 1009:
		offset = -1
	case at >= 0:
		offset = 10 + max(0, at-1000)
	}
	why := uint16(0)
	if b.refuses.Add(-1) >= 0 {
		why, offset = 6, -1 // NOT_LEADER_OR_FOLLOWER
	}
	to = binary.BigEndian.AppendUint32(to, 1)
	to = append(binary.BigEndian.AppendUint16(to, 2), "in"...)
	to = binary.BigEndian.AppendUint32(to, 1)
	to = binary.BigEndian.AppendUint32(to, 0)
	to = binary.BigEndian.AppendUint16(to, why)
	to = binary.BigEndian.AppendUint64(to, uint64(at))
	return binary.BigEndian.AppendUint64(to, uint64(offset))
}
