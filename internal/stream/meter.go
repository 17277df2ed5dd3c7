package stream

import (
	"math/bits"
	"time"
)

// meter keeps throughput and latency of the last ten seconds in fixed memory: one
// histogram for each second, in a ring. Its seconds are those that have passed, not those
// that a clock shows: one that steps back cannot make records count twice, and one that
// steps on only lets them be forgotten early.
type meter struct {
	seconds [meterSeconds]second
	age     time.Duration // since the first commit
	last    time.Time     // when age was brought up to date
}

const (
	meterSeconds = 10
	// A bucket is an eighth of a power of two of microseconds wide: at most 12.5 % off.
	// The first one ends at 2^9 us, the last holds everything from 2^36 us (19 h) on.
	bucketsPerOctave = 8
	firstOctave      = 9
	lastOctave       = 36
	buckets          = (lastOctave-firstOctave)*bucketsPerOctave + 2
)

type second struct {
	number  int64 // 1 for the first
	records int64
	counts  [buckets]uint32
}

// add counts records committed now, by their input timestamps in unix milliseconds.
func (m *meter) add(now time.Time, stamps []int64) {
	number := m.advance(now)
	s := &m.seconds[number%meterSeconds]
	if s.number != number {
		*s = second{number: number}
	}
	s.records += int64(len(stamps))
	micros := now.UnixMicro()
	for _, ms := range stamps {
		if ms >= 0 {
			s.counts[bucket(micros-ms*1000)]++
		}
	}
}

// advance moves the meter on to now, and answers the number of its second.
func (m *meter) advance(now time.Time) int64 {
	if !m.last.IsZero() {
		m.age += max(0, now.Sub(m.last))
	}
	m.last = now
	return int64(m.age/time.Second) + 1
}

func bucket(micros int64) int {
	if micros < 1<<firstOctave {
		return 0
	}
	octave := bits.Len64(uint64(micros)) - 1
	if octave >= lastOctave {
		return buckets - 1
	}
	eighth := int(micros>>(octave-3)) & (bucketsPerOctave - 1)
	return 1 + (octave-firstOctave)*bucketsPerOctave + eighth
}

// middle is the latency that a bucket stands for, in milliseconds.
func middle(b int) float64 {
	if b == 0 {
		return float64(1<<firstOctave) / 2 / 1000
	}
	octave, eighth := firstOctave+(b-1)/bucketsPerOctave, (b-1)%bucketsPerOctave
	width := float64(int64(1)<<octave) / bucketsPerOctave
	return (float64(int64(1)<<octave) + (float64(eighth)+.5)*width) / 1000
}

// read answers the rate and latency over the last seconds; zeros if there were no records.
func (m *meter) read(now time.Time) (perSecond, p50, p99 float64) {
	if m.last.IsZero() {
		return 0, 0, 0
	}
	var sum [buckets]uint64
	var records, timed int64
	number := m.advance(now)
	for i := range m.seconds {
		s := &m.seconds[i]
		if s.number == 0 || s.number <= number-meterSeconds {
			continue
		}
		records += s.records
		for b, n := range s.counts {
			sum[b] += uint64(n)
			timed += int64(n)
		}
	}
	if records == 0 {
		return 0, 0, 0
	}
	// The ring covers nine whole seconds and what has passed of this one.
	span := time.Duration(meterSeconds-1)*time.Second + m.age%time.Second
	span = max(min(span, m.age), 100*time.Millisecond)
	return float64(records) / span.Seconds(), quantile(&sum, timed, .50), quantile(&sum, timed, .99)
}

func quantile(counts *[buckets]uint64, total int64, q float64) float64 {
	rank := uint64(q * float64(total))
	seen := uint64(0)
	for b, n := range counts {
		if seen += n; seen > rank {
			return middle(b)
		}
	}
	return 0
}
