package feature

import "math/bits"

// arena is the memory of all logs of a state. A log is a ring of a power of two of events; a ring that is given back serves
// the next log of its size. Memory is taken in chunks and never moved, so that no record waits while gigabytes are copied.
type arena struct {
	stride int // words of an event
	chunks [][]uint64
	next   int      // first free word of the last chunk
	free   [][]ring // by binary logarithm of the ring's events: rings given back
	words  int      // of all chunks
}

const (
	chunkWords = 1 << 16 // half a mebibyte
	firstRing  = 2       // binary logarithm of the events of a new key's ring
)

// ring names a ring: its chunk, its first word in it, and the binary logarithm of its events.
type ring uint64

func makeRing(chunk, offset, log int) ring { return ring(chunk)<<32 | ring(offset)<<6 | ring(log) }

func (r ring) log() int { return int(r & 63) }

// words returns a ring's memory. Event i of a log stands at (i & mask) * stride.
func (a *arena) ring(r ring) (words []uint64, mask uint64) {
	mask = 1<<(r&63) - 1
	return a.chunks[r>>32][r>>6&(1<<26-1):], mask
}

// take returns a ring of 2^log events, with arbitrary content.
func (a *arena) take(log int) ring {
	for len(a.free) <= log {
		a.free = append(a.free, nil)
	}
	if n := len(a.free[log]); n > 0 {
		r := a.free[log][n-1]
		a.free[log] = a.free[log][:n-1]
		return r
	}
	words := a.stride << log
	if words > chunkWords { // a chunk of its own
		a.chunks = append(a.chunks, make([]uint64, words))
		a.words += words
		a.next = chunkWords // what was left of the chunk before is lost
		return makeRing(len(a.chunks)-1, 0, log)
	}
	if len(a.chunks) == 0 || a.next+words > chunkWords {
		a.chunks = append(a.chunks, make([]uint64, chunkWords))
		a.words += chunkWords
		a.next = 0
	}
	r := makeRing(len(a.chunks)-1, a.next, log)
	a.next += words
	return r
}

// give takes a ring back.
func (a *arena) give(r ring) { a.free[r.log()] = append(a.free[r.log()], r) }

// logFor is the binary logarithm of the smallest ring that has room for n events.
func logFor(n uint64) int { return max(firstRing, bits.Len64(max(n, 1)-1)) }
