package feature

import "math"

// sweep forgets keys that no window reaches any more, a few with every record, so that no record waits for all of them.
//
// Its clock is the latest time that every record of some block of sweepBlock consecutive ones had reached. One record with a
// time far in the future cannot move it, and where it stands depends on the records and their order only. A key is
// forgotten when its newest record lies further behind the clock than the longest window and the tolerance together; so that
// makes no difference to any record that is not behind the clock by more than the tolerance.
type sweep struct {
	low    int64  // the earliest time of the block so far
	within int    // records of the block so far
	clock  int64  // math.MinInt64: no block is complete yet
	hand   uint32 // the slot that was looked at last
	due    int    // keys to look at with this record
}

const (
	sweepBlock  = 256 // records
	sweepEvery  = 16  // records for each key that is looked at
	sweepPerNew = 2   // keys that are looked at for each new one, so that looking keeps up with what comes
)

// turn counts a record in, and looks at a key now and then.
func (s *State) turn(t int64) {
	w := &s.sweep
	w.low = min(w.low, t)
	w.within++
	if w.within%sweepEvery == 0 {
		w.due++
		if w.within == sweepBlock {
			w.clock = max(w.clock, w.low)
			w.low, w.within = math.MaxInt64, 0
		}
	}
	for ; w.due > 0; w.due-- {
		if w.clock == math.MinInt64 {
			continue
		}
		if w.hand++; w.hand >= s.slots {
			w.hand = 0
		}
		s.visit(w.hand)
	}
}

// visit gives back memory that a key does not need: all of it, or half of a ring that is nearly empty.
func (s *State) visit(slot uint32) {
	h := s.header(slot)
	if h[headerNewest] == never {
		return // vacant
	}
	if !s.stage.forever && int64(h[headerNewest]) <= s.sweep.clock-s.stage.longest-s.stage.tolerance {
		s.forget(slot)
		return
	}
	s.trim(h)
	kept := h[headerHead] - h[headerBase]
	if log := ring(h[headerRing]).log(); log > firstRing && 8*kept < 1<<log {
		s.resize(h, log-1)
	}
}

// forget takes a key out of the state.
func (s *State) forget(slot uint32) {
	s.save(slot)
	h := s.header(slot)
	if s.stage.keyIsText {
		s.table.remove(uint32(h[headerKey]), slot)
		s.texts[slot] = nil
	} else {
		s.table.remove(s.table.hashNumber(h[headerKey]), slot)
	}
	s.arena.give(ring(h[headerRing]))
	clear(h)
	h[headerNewest] = never
	s.vacant = append(s.vacant, slot)
	s.counters.Forgotten++
}
