package feature

import (
	"math"

	"temporal-streaming/internal/record"
)

// State is the history that one stage keeps for one input partition. Not safe for concurrent use.
//
// Records of a key are kept in the order of their times, those of one time in the order of arrival. A record that comes out of
// order takes its place among them, and its windows end at its own time; features that were computed before it came stay as
// they were. One that lies more than the tolerance behind the newest of its key counts as if it had happened just that
// far behind. Counters tells how many of both there were.
type State struct {
	stage    *Stage
	table    keyTable
	headers  [][]uint64 // chunks of slotsPerChunk headers
	texts    [][]byte   // by slot, where the key is a text
	vacant   []uint32   // slots without a key, the next to be used last
	slots    uint32     // that have ever been used
	arena    arena
	counters Counters
	sweep    sweep
	join     *joining      // where labels are joined by the records' ids
	taking   *Snapshotting // the snapshot that is being taken

	// Scratch of one record, or of one block of them.
	added   []uint64 // what it adds to each total
	whole   []uint64 // what it adds to each total of a filter if it meets that
	seen    []uint64 // its values
	met     []bool   // by filter
	scratch []float64
	marks   []mark
	nth     uint32 // of the records of its key at its time, from 0 on; in exact stages
	window  []int64
	set     wordSet
	hints   []uint32 // the slots of a block's keys
	sink    uint64   // keeps loads that only warm the caches
}

// Counters say what a State has met.
type Counters struct {
	Records   uint64 // that became history
	Reordered uint64 // of these, behind the newest of their key, within the tolerance
	Late      uint64 // of these, further behind, and moved up to the tolerance
	Unusable  uint64 // that did not become history: no time from year 1 to 9999, or a number of more than 2^53 units
	Strayed   uint64 // labels of records that the history does not hold; of each label, that is so in all partitions but one
	Repeated  uint64 // labels of records that had one already
	Forgotten uint64 // keys without a record in any window, whose memory was given back
}

// Plus is the sum of two counts.
func (c Counters) Plus(d Counters) Counters {
	return Counters{
		Records: c.Records + d.Records, Reordered: c.Reordered + d.Reordered, Late: c.Late + d.Late,
		Unusable: c.Unusable + d.Unusable, Strayed: c.Strayed + d.Strayed, Repeated: c.Repeated + d.Repeated, Forgotten: c.Forgotten + d.Forgotten,
	}
}

// NewState returns an empty history.
func (s *Stage) NewState() *State {
	state := s.newState()
	if s.joins {
		state.join = &joining{index: map[uint64]uint64{}, early: map[uint64]early{}}
	}
	return state
}

func (s *Stage) newState() *State {
	state := &State{
		stage:   s,
		table:   newKeyTable(),
		arena:   arena{stride: s.stride()},
		added:   make([]uint64, len(s.totals)),
		whole:   make([]uint64, len(s.totals)),
		seen:    make([]uint64, len(s.values)),
		met:     make([]bool, len(s.filters)),
		scratch: make([]float64, s.width),
		marks:   make([]mark, markBounds+len(s.bounds)),
		hints:   make([]uint32, block),
		sweep:   sweep{low: math.MaxInt64, clock: math.MinInt64},
	}
	state.marks[markOrigin].at = -1
	return state
}

// Counters returns what the state has met so far.
func (s *State) Counters() Counters { return s.counters }

// Keys returns how many keys have a history.
func (s *State) Keys() int { return s.table.used }

// Bytes returns the memory that the state has taken.
func (s *State) Bytes() int64 {
	words := s.arena.words + len(s.table.entries) + len(s.headers)*slotsPerChunk*s.headerWords()
	n := int64(words) * 8
	for _, text := range s.texts {
		n += int64(cap(text)) + 24
	}
	return n
}

// Label is what is known of a record's class.
type Label uint8

const (
	Unknown Label = iota
	Negative
	Positive
)

// Update makes a record history and puts the stage's aggregates into values, which is [Width of the Program]. The label is
// what is known when the record comes: on the stream Unknown, and Learn tells it later; in a replay under `labels: delayed`
// the true one, as no window reaches it before the delay has passed. usable is false where the record cannot be placed, and
// then nothing has changed.
func (s *State) Update(row []float64, texts *record.Texts, label Label, values []float64) (usable bool) {
	return s.update(row, texts, label, values, noSlot)
}

// update is Update with a guess at the slot of the record's key.
func (s *State) update(row []float64, texts *record.Texts, label Label, values []float64, hint uint32) (usable bool) {
	if len(s.stage.aggregates) == 0 {
		return true // nothing looks at this history
	}
	millis, ok := millisOf(row[s.stage.time])
	if !ok || !s.read(row, texts, label) {
		s.counters.Unusable++
		return false
	}
	s.counters.Records++
	slot := s.slotOf(row, texts, hint)
	s.save(slot)
	t := s.become(s.header(slot), millis, row, values)
	if s.join != nil {
		s.remember(row, texts, slot, t)
	}
	s.turn(millis)
	return true
}

// become makes the record that was read history of a key, computes the stage's aggregates, and answers the time that it counts as.
func (s *State) become(h []uint64, t int64, row, values []float64) int64 {
	phases := s.stage.phases
	if s.stage.judges {
		s.judge(&phases[0], row, values)
	}
	if t >= int64(h[headerNewest]) {
		s.append(h, t)
	} else {
		t = s.insert(h, t)
	}
	s.aggregate(&phases[0], row, values, h)
	for i := 1; i < len(phases); i++ {
		s.judge(&phases[i], row, values)
		s.amend(&phases[i], h)
		s.aggregate(&phases[i], row, values, h)
	}
	if s.stage.exact {
		s.nth = s.ordinal(h)
	}
	return t
}
