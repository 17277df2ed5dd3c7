package feature

import (
	"errors"
	"fmt"

	"temporal-streaming/internal/record"
)

// joining finds the records that labels are of. On the stream a label says of which record it is by that record's id; the
// history knows records by key and time. So a stage that looks at labels also keeps, for each record that a window may still
// reach, its id. And a label may come before its record, or belong to another partition's: it waits, until its record should
// have come.
type joining struct {
	known   []labelled        // in the order of arrival; from first on they count
	first   int               // of known
	base    uint64            // number of known[0]
	index   map[uint64]uint64 // id -> number in known
	waiting []early
	head    int // of waiting
	early   map[uint64]early
}

// labelled is a record whose label may come, or has come.
type labelled struct {
	id   uint64
	key  uint64 // see keyWord
	time int64
	slot uint32
	nth  uint32 // see State.Learn; in exact stages
	told bool
}

// early is a label that came before its record.
type early struct {
	id       uint64
	knownAt  int64
	positive bool
}

// mostEarly bounds how many labels wait. Beyond that the oldest are given up: there are that many without a record.
const mostEarly = 1 << 20

// ErrID is returned for an id that records cannot be told apart by.
var ErrID = errors.New("no usable id")

// IdentifyBy names the column by which labels say of which record they are. Stages that look at labels then join them; see
// LearnByID. It must be called before the first state is made. A Replay is told labels with their records, and needs it not.
func (p *Program) IdentifyBy(schema *record.Schema, name string) error {
	column, ok := schema.Index(name)
	if !ok {
		return fmt.Errorf("join labels: %w: the rows have no column %q", ErrID, name)
	}
	kind := schema.Fields()[column].Kind
	if kind != record.Int && kind != record.Text && kind != record.Bool {
		return fmt.Errorf("join labels: %w: column %q is a %s, not an int, a text or a bool", ErrID, name, kind)
	}
	for _, s := range p.stages {
		if s.LooksAtLabels() {
			s.joins, s.id, s.idIsText = true, column, kind == record.Text
		}
	}
	return nil
}

// LooksAtLabels tells whether an aggregate of the stage counts labels.
func (s *Stage) LooksAtLabels() bool {
	for _, t := range s.totals {
		if t.kind == ofPositives || t.kind == ofKnown {
			return true
		}
	}
	return false
}

// TextID is the word that stands for an id that is a text.
func TextID(text []byte) uint64 { return fingerprint(text) }

func (s *Stage) idOf(row []float64, texts *record.Texts) uint64 {
	if s.idIsText {
		return TextID(texts.At(row[s.id]))
	}
	return uint64(int64(row[s.id]))
}

// Outcome is what became of a label.
type Outcome uint8

const (
	Learned  Outcome = iota // it counts from now on, or from its delay on
	Waiting                 // its record has not come: here, or not yet
	Repeated                // the record had one already, and keeps that
	Strayed                 // the record is too old for any window, or was moved because it came too late
)

// LearnByID tells the label of the record with this id: a number as it is, a text as TextID. knownAt is when it was known, in
// unix milliseconds. One whose record has not come waits until the records' times have passed knownAt by the tolerance.
// The stage must have been told IdentifyBy.
func (s *State) LearnByID(id uint64, positive bool, knownAt int64) Outcome {
	j := s.join
	number, ok := j.index[id]
	if !ok {
		if _, twice := j.early[id]; twice {
			s.counters.Repeated++
			return Repeated
		}
		j.waiting = append(j.waiting, early{id, knownAt, positive})
		j.early[id] = early{id, knownAt, positive}
		s.expire()
		return Waiting
	}
	r := &j.known[number-j.base]
	if r.told {
		s.counters.Repeated++
		return Repeated
	}
	r.told = true
	return s.tell(*r, positive)
}

// tell gives a record its label.
func (s *State) tell(r labelled, positive bool) Outcome {
	h := s.header(r.slot)
	if h[headerNewest] == never || s.keyWord(r.slot) != r.key {
		s.counters.Strayed++
		return Strayed // its key has been forgotten
	}
	s.save(r.slot)
	if !s.learn(h, r.time, r.nth, positive) {
		s.counters.Strayed++
		return Strayed
	}
	return Learned
}

// remember keeps the id of a record that has become history, and gives it the label that was waiting.
func (s *State) remember(row []float64, texts *record.Texts, slot uint32, t int64) {
	j := s.join
	r := labelled{id: s.stage.idOf(row, texts), key: s.keyWord(slot), time: t, slot: slot, nth: s.nth}
	if e, waits := j.early[r.id]; waits {
		delete(j.early, r.id)
		r.told = true
		s.tell(r, e.positive)
	}
	j.index[r.id] = j.base + uint64(len(j.known))
	j.known = append(j.known, r)
	s.expire()
}

// keyWord tells the keys that a slot may have had one after another apart: a number as it is, a text by its fingerprint (its hash in
// the header is another one in each process).
func (s *State) keyWord(slot uint32) uint64 {
	if s.stage.keyIsText {
		return fingerprint(s.texts[slot])
	}
	return s.header(slot)[headerKey]
}

// expire forgets the ids of records that no window reaches any more, and labels whose record should have come.
func (s *State) expire() {
	j, clock := s.join, s.sweep.clock
	if clock != never64 {
		oldest := clock - s.stage.longest - s.stage.tolerance
		for j.first < len(j.known) && j.known[j.first].time <= oldest {
			if r := &j.known[j.first]; j.index[r.id] == j.base+uint64(j.first) {
				delete(j.index, r.id)
			}
			j.first++
		}
		if j.first > 1024 && 2*j.first > len(j.known) {
			j.base += uint64(j.first)
			j.known = j.known[:copy(j.known, j.known[j.first:])]
			j.first = 0
		}
	}
	for j.head < len(j.waiting) {
		e := j.waiting[j.head]
		if w, still := j.early[e.id]; still && w == e {
			late := clock != never64 && clock > e.knownAt+s.stage.tolerance
			if !late && len(j.waiting)-j.head <= mostEarly {
				break
			}
			delete(j.early, e.id)
			s.counters.Strayed++
		}
		j.head++
	}
	if j.head > 1024 && 2*j.head > len(j.waiting) {
		j.waiting = j.waiting[:copy(j.waiting, j.waiting[j.head:])]
		j.head = 0
	}
}

// never64 is the clock of a sweep that has not begun.
const never64 = -1 << 63
