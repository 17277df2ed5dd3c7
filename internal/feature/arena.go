package feature

// arena is the memory of all logs of a state. A log is a ring of a power of two of events; a ring that is given back serves
// the next log of its size. Memory is taken in chunks and never moved, so that no record waits while gigabytes are copied.
type arena struct {
	stride int // words of an event
	chunks [][]uint64
	next   int      // first free word of the last chunk
	last   int      // words of the last chunk
	free   [][]ring // by binary logarithm of the ring's events: rings given back
	words  int      // of all chunks
}

const (
	leastChunk = 1 << 16 // words: half a mebibyte
	mostChunk  = 1 << 19 // 4 mebibytes, which hold a whole huge page
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
	if a.next+words > a.last { // what is left of the last chunk is lost; as chunks grow with what is there, that is little
		a.last = max(words, leastChunk)
		if a.words >= 2*leastChunk {
			a.last = max(words, mostChunk)
		}
		chunk := make([]uint64, a.last)
		adviseHugePages(chunk)
		a.chunks = append(a.chunks, chunk)
		a.words += a.last
		a.next = 0
	}
	r := makeRing(len(a.chunks)-1, a.next, log)
	a.next += words
	return r
}

// give takes a ring back.
func (a *arena) give(r ring) { a.free[r.log()] = append(a.free[r.log()], r) }
