package stream

import (
	"time"

	"temporal-streaming/internal/record"
)

// merger is a source that yields the records of its partitions in the order of their
// timestamps, as far as they are at hand. A loop that keeps up gets them so anyway. One that
// is behind would be given a partition's backlog after the other's; what it hands on to a next
// stage would come there in that order, and be late by as much as the backlog is long.
//
// It reads ahead until it has something of every partition that holds more, and then yields
// the oldest. A partition that should have more and gives nothing for mergePatience is not
// waited for until it does: its last records may be those of transactions that were aborted.
type merger struct {
	source
	partitions []int32
	most       int // bytes that are held at most

	slots []int32 // partition number -> index
	lines []line
	bytes int // that are held
	chunk []record.Message
	now   func() time.Time
}

// line is what is held of one partition, in the order of its log.
type line struct {
	held  []record.Message
	head  int
	next  int64 // offset after the last one that was read; -1: none was
	dry   int64 // it was waited for in vain while its end was this
	since time.Time
	arena []byte
}

const (
	mergePatience = 200 * time.Millisecond
	// mergeBytes bounds what is read ahead; see Options.PrefetchBytes for what the client holds.
	mergeBytes = 32 << 20
)

func newMerger(s source, partitions []int32, slots []int32, now func() time.Time) *merger {
	m := &merger{source: s, partitions: partitions, slots: slots, most: mergeBytes, lines: make([]line, len(partitions)), now: now}
	for i := range m.lines {
		m.lines[i].dry = -1
	}
	return m
}

func (m *merger) assign(offsets []int64) error {
	for i, o := range offsets {
		m.lines[i].next = o
	}
	return m.source.assign(offsets)
}

// poll yields the oldest records at hand. Their bytes stay valid as long as the interface
// promises: what was yielded is given up at the next poll.
func (m *merger) poll(in []record.Message, max, maxBytes int, wait time.Duration) ([]record.Message, error) {
	m.release()
	for lacks := m.lacks(); ; lacks = m.lacks() {
		if lacks {
			wait = min(wait, 5*time.Millisecond) // somebody else's records are at hand meanwhile
		} else if m.bytes > 0 {
			break
		}
		var err error
		m.chunk, err = m.source.poll(m.chunk[:0], max, maxBytes, wait)
		m.hold(m.chunk)
		if err != nil {
			return in, err
		}
		if len(m.chunk) == 0 && (!lacks || m.bytes == 0) {
			return in, nil
		}
		if m.bytes >= m.most {
			break
		}
	}
	return m.take(in, max, maxBytes), nil
}

// hold copies records, which are the source's until it is polled again.
func (m *merger) hold(in []record.Message) {
	for i := range in {
		r := in[i]
		l := &m.lines[m.slots[r.Partition]]
		l.next, l.dry, l.since = r.Offset+1, -1, time.Time{}
		r.Key, r.Value = l.keep(r.Key), l.keep(r.Value)
		l.held = append(l.held, r)
		m.bytes += size(&r)
	}
}

func size(r *record.Message) int { return len(r.Key) + len(r.Value) + 64 }

func (l *line) keep(b []byte) []byte {
	if b == nil {
		return nil
	}
	if cap(l.arena)-len(l.arena) < len(b) {
		l.arena = make([]byte, 0, max(256<<10, len(b))) // the old one lives as long as records are in it
	}
	from := len(l.arena)
	l.arena = append(l.arena, b...)
	return l.arena[from:len(l.arena):len(l.arena)]
}

// release gives up what was yielded before.
func (m *merger) release() {
	for i := range m.lines {
		l := &m.lines[i]
		if l.head == 0 {
			continue
		}
		if l.head == len(l.held) {
			l.held, l.head, l.arena = l.held[:0], 0, l.arena[:0]
		} else if 2*l.head > len(l.held) {
			n := copy(l.held, l.held[l.head:])
			clear(l.held[n:])
			l.held, l.head = l.held[:n], 0
		}
	}
}

// lacks tells whether a partition holds more and nothing of it is at hand, though it is worth
// waiting for.
func (m *merger) lacks() bool {
	if m.bytes == 0 || m.bytes >= m.most {
		return false
	}
	lacks := false
	for i := range m.lines {
		l := &m.lines[i]
		if l.head < len(l.held) {
			continue
		}
		end := m.source.end(m.partitions[i])
		if end <= l.next || end == l.dry {
			continue
		}
		if l.since.IsZero() {
			l.since = m.now()
		}
		if d := m.now().Sub(l.since); d < 0 || d > mergePatience {
			l.dry, l.since = end, time.Time{}
			continue
		}
		lacks = true
	}
	return lacks
}

// take yields the oldest records, those of one time by partition, until one partition is used
// up that holds more.
func (m *merger) take(in []record.Message, max, maxBytes int) []record.Message {
	for taken := 0; len(in) < max && taken < maxBytes; {
		oldest := -1
		for i := range m.lines {
			l := &m.lines[i]
			if l.head < len(l.held) && (oldest < 0 || l.held[l.head].Timestamp < m.lines[oldest].held[m.lines[oldest].head].Timestamp) {
				oldest = i
			}
		}
		if oldest < 0 {
			break
		}
		l := &m.lines[oldest]
		r := l.held[l.head]
		l.head++
		m.bytes -= size(&r)
		taken += len(r.Key) + len(r.Value)
		in = append(in, r)
		if l.head == len(l.held) && m.lacks() {
			break
		}
	}
	return in
}
