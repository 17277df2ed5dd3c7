package feature

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"temporal-streaming/internal/record"
)

// keyReplay replays the rows of one key after another in one stage.
type keyReplay struct {
	*replay
	*grouped
	stage *Stage
	state *State
	slot  uint32
	texts *record.Texts
	own   []float64 // a row of the table, as far as the stage looks at it
	order []int32   // places of the key's rows in the order in which their labels arrive
	nths  []uint32  // by place: see State.Learn

	first, last int // of the features that the stage computes
}

// rowsAhead is how far before their turn, and how many at a time, the places that rows' aggregates go to are brought near. One
// at a time, each would wait alone for its address to be looked up.
const rowsAhead = 32

func newKeyReplay(r *replay, stage *Stage, g *grouped) *keyReplay {
	k := &keyReplay{replay: r, grouped: g, stage: stage, state: stage.newState(), texts: r.table.Texts}
	if k.texts == nil {
		k.texts = new(record.Texts)
	}
	k.own = make([]float64, len(r.table.Columns))
	k.slot = k.state.newSlot(0)
	inputs := stage.Inputs()
	k.first, k.last = slices.Min(inputs), slices.Max(inputs)
	return k
}

// become makes the rows of a key history; they are in event order.
func (k *keyReplay) become(start, end int) error {
	s, width := k.state, k.program.Width()
	s.empty(k.slot)
	h := s.header(k.slot)
	k.arrive(start, end)
	told := 0 // of labels
	for at := start; at < end; at++ {
		if at%rowsAhead == 0 {
			k.prefetch(at+rowsAhead, at+2*rowsAhead)
		}
		i := k.row(at)
		for c, v := range k.words[at*k.stride+1:][:len(k.stage.columns)] {
			k.own[k.stage.columns[c]] = math.Float64frombits(v)
		}
		for ; told < len(k.order); told++ {
			l := k.order[told]
			of := k.row(start + int(l))
			if start+int(l) >= at || k.known[of] > k.own[k.stage.time] {
				break
			}
			k.tell(h, of, k.nths[l])
		}
		millis, ok := millisOf(k.own[k.stage.time])
		if !ok || !s.read(k.own, k.texts, k.label(at)) {
			return fmt.Errorf("replay history: row %d: %w", i, ErrUnusable)
		}
		s.counters.Records++
		s.become(h, millis, k.own, k.x[i*width:][:width])
		if k.nths != nil {
			k.nths[at-start] = s.nth
		}
	}
	return nil
}

// prefetch brings near the places that the rows' aggregates go to.
func (k *keyReplay) prefetch(from, to int) {
	width := k.program.Width()
	for i := from; i < min(to, len(k.words)/k.stride); i++ {
		f := k.row(i) * width
		prefetch(k.x[f+k.first : f+k.last+1])
	}
}

// arrive puts the key's labels into the order in which they arrive, those of one time into event order.
func (k *keyReplay) arrive(start, end int) {
	k.order = k.order[:0]
	if k.known == nil || !k.stage.LooksAtLabels() {
		return
	}
	k.nths = slices.Grow(k.nths[:0], end-start)[:end-start]
	for place := range end - start {
		k.order = append(k.order, int32(place))
	}
	arrives := func(place int32) float64 { return k.known[k.row(start+int(place))] }
	slices.SortStableFunc(k.order, func(a, b int32) int { return cmp.Compare(arrives(a), arrives(b)) })
}

// tell tells the label of an earlier row.
func (k *keyReplay) tell(h []uint64, i int, nth uint32) {
	label := k.table.Labels[i]
	if label == Unknown {
		return
	}
	millis, _ := millisOf(k.table.Columns[k.stage.time][i]) // become has checked it
	if !k.state.learn(h, millis, nth, label == Positive) {
		k.state.counters.Strayed++ // too old for any window
	}
}

// empty makes a slot one of a key without events.
func (s *State) empty(slot uint32) {
	h := s.header(slot)
	kept := h[headerRing]
	clear(h)
	h[headerRing], h[headerNewest] = kept, never
	words, _ := s.arena.ring(ring(kept))
	clear(words[:s.arena.stride]) // the totals before the first event
}
