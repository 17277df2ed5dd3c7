package feature

import "temporal-streaming/internal/record"

// block is how many records UpdateAll looks ahead. What they need fits the second cache; of the sizes that were tried (16 to
// 512), this one was fastest.
const block = 256

// UpdateAll is Update for a batch of rows in order, [N]: labels is [N] or nil where none is known, values [N, width] row-major,
// usable [N]. It is faster than one Update after the other: it first touches what the records of a block will need, which
// they do not have to wait for one by one then.
func (s *State) UpdateAll(rows *record.Rows, labels []Label, width int, values []float64, usable []bool) {
	for from := 0; from < rows.N; from += block {
		to := min(from+block, rows.N)
		s.touch(rows, from, to)
		for i := from; i < to; i++ {
			label := Unknown
			if labels != nil {
				label = labels[i]
			}
			usable[i] = s.update(rows.Row(i), &rows.Texts, label, values[i*width:(i+1)*width], s.hints[i-from])
		}
	}
}

// touch finds the slots of a block's keys, reads their headers, and brings near the events that their records will look at. Each
// of the loops reads what the one before has brought near, and its reads do not wait for one another.
func (s *State) touch(rows *record.Rows, from, to int) {
	hints := s.hints[:to-from]
	if s.stage.keyIsText || len(s.stage.aggregates) == 0 {
		for i := range hints {
			hints[i] = noSlot
		}
		return
	}
	for i := range hints {
		key := uint64(int64(rows.Values[(from+i)*rows.Width+s.stage.key]))
		hints[i] = s.table.guess(s.table.hashNumber(key))
	}
	var sum uint64
	for _, slot := range hints {
		if slot != noSlot {
			h := s.header(slot)
			sum += h[headerKey] + h[len(h)-1]
		}
	}
	for _, slot := range hints {
		if slot == noSlot {
			continue
		}
		h := s.header(slot)
		if h[headerNewest] == never {
			continue // forgotten since
		}
		words, mask := s.arena.ring(ring(h[headerRing]))
		stride := s.arena.stride
		prefetch(words[int(h[headerHead]&mask)*stride:][:stride])
		for _, place := range h[headerPlaces:] {
			prefetch(words[int(place&mask)*stride:][:stride])
		}
	}
	s.sink += sum
}

// guess returns the slot of the first key that has this hash; noSlot where there is none. It does not look at the key.
func (t *keyTable) guess(hash uint32) uint32 {
	mask := len(t.entries) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		e := t.entries[i]
		if e == 0 {
			return noSlot
		}
		if uint32(e>>32) == hash {
			return uint32(e) - 1
		}
	}
}
