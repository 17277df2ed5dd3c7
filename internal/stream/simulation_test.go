package stream

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	simulations = flag.Int("simulations", 400, "seeds that the simulation of fencing tries")
	simulation  = flag.Uint64("simulation", 0, "the one seed to try, with a log of every call")
)

// TestNoInterleavingLosesOrRepeatsARecord runs several loops against a broker in memory, one
// call at a time, in an order that a seed chooses. Loops die, freeze in any call and wake up
// when others have taken their place, lose answers of commits that stood, get new orders,
// and find the partitions divided anew. In every other seed the ends of transactions miss some results; in every third
// the broker forgets the last commit of a partition, now and then; in every fourth the loops hand on to a next stage. Afterwards every record must have been scored once,
// under the generation that the receipts tell.
//
// A seed that fails repeats: go test ./internal/stream -run Interleaving -simulation SEED
func TestNoInterleavingLosesOrRepeatsARecord(t *testing.T) {
	if *simulation > 0 {
		simulate(t, *simulation)
		return
	}
	for seed := range uint64(*simulations) {
		simulate(t, seed+1)
		if t.Failed() {
			t.Fatalf("repeat it with -simulation %d", seed+1)
		}
	}
}

// world is the broker, the loops, and who is meant to own what.
type world struct {
	t      *testing.T
	random *rand.Rand
	said   strings.Builder

	logEnd  []int64        // of each partition
	marks   []mark         // committed, as far as the broker knows
	before  []mark         // the same before the last commit
	epochs  map[string]int // of transactional ids
	visible map[string]int // record -> times scored, for readers of committed records
	under   map[string]int64
	again   map[string]bool    // went back: no receipt holds for it
	open    map[int32]leftover // of each partition, what the end of a transaction has missed
	doubt   map[int32][]leftover

	careless  bool // ends of transactions miss some results
	staged    bool // the loops hand on to a next stage
	forgetful bool // the broker forgets commits

	actors     []*actor
	shards     [][]int32 // the division in force
	generation int64
	since      []map[int64]int64 // of each partition: generation -> since, by receipts
}

// leftover is results that were committed, and that the output was not told of.
type leftover struct {
	id       string // transactional
	from, to int64
}

// actor is a loop, or a retirement, whose calls wait for their turn.
type actor struct {
	name   string
	parts  []int32
	turn   chan bool   // true: go on; false: the process is dead
	calls  chan string // that it wants to make
	next   string      // the call that waits for its turn
	ended  bool
	err    error // with which it ended
	frozen int   // turns to sit out
	dead   bool
	loop   *Loop // nil: a retirement
	stop   context.CancelFunc
	waits  []*ask
}

var errDead = errors.New("the process is dead")

// enter waits for the actor's turn to make a call. The world stands still until the next.
func (a *actor) enter(call string) error {
	a.calls <- call
	if !<-a.turn {
		return errDead
	}
	return nil
}

func simulate(t *testing.T, seed uint64) {
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 7)), epochs: map[string]int{}, visible: map[string]int{}, under: map[string]int64{},
		again: map[string]bool{}, open: map[int32]leftover{}, doubt: map[int32][]leftover{}, careless: seed%2 == 0, forgetful: seed%3 == 0, staged: seed%4 == 1,
		logEnd: []int64{6, 6, 6, 6}, generation: 1, shards: [][]int32{{0, 1}, {2, 3}},
	}
	for range w.logEnd {
		w.marks = append(w.marks, mark{next: -1, note: note{Generation: unordered}})
		w.since = append(w.since, map[int64]int64{})
	}
	w.before = slices.Clone(w.marks)
	for _, s := range w.shards {
		w.launch(s)
	}
	for step := range 400 {
		if step%7 == 0 {
			w.mischief()
		}
		w.step()
	}
	w.settle()
	w.judge(seed)
}

func (w *world) say(format string, args ...any) { fmt.Fprintf(&w.said, format+"\n", args...) }

// launch starts a loop for a shard, as a segment does.
func (w *world) launch(parts []int32) {
	a := &actor{
		name: fmt.Sprintf("loop %d %v g%d", len(w.actors), parts, w.generation),
		turn: make(chan bool), calls: make(chan string), parts: parts,
	}
	o := Options{
		Kafka: Kafka{Brokers: "memory"}, Pipeline: "tiny", Topic: "in", Output: "out", Partitions: parts, MaxBatch: 2,
		Orders: Orders{Generation: w.generation}, ProgressInterval: time.Hour,
		StillOwner: func(context.Context) bool { return w.owns(a) }, Forward: w.forward(),
	}
	l, err := NewLoop(o, stamper{})
	if err != nil {
		w.t.Fatal(err)
	}
	l.wire, a.loop = &simulated{world: w, actor: a, o: l.Options}, l
	l.asks = make(chan *ask, 1) // so that orders arrive between two calls, not when a goroutine happens to run
	l.sleep = func(context.Context, time.Duration) {
		if err := a.enter("sleep"); err != nil {
			a.stop()
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.stop = cancel
	w.actors = append(w.actors, a)
	w.say("start %s", a.name)
	go func() {
		_, a.err = l.Run(ctx)
		close(a.calls)
	}()
	w.await(a)
}

// forward is where the loops hand records on to. Their ends miss nothing, since what another's end has missed there cannot be told.
func (w *world) forward() []string {
	if w.staged {
		return []string{"next"}
	}
	return nil
}

// await lets an actor run until it wants to make its next call, or ends.
func (w *world) await(a *actor) {
	call, running := <-a.calls
	a.next, a.ended = call, !running
	if a.ended {
		w.say("%s ended: %v", a.name, a.err)
	}
}

// owns is what a lease tells: the newest loop of a shard of the division in force.
func (w *world) owns(a *actor) bool {
	if a.dead {
		return false
	}
	for i := len(w.actors) - 1; i >= 0; i-- {
		if o := w.actors[i]; o.loop != nil && slices.Equal(o.parts, a.parts) {
			return o == a && slices.ContainsFunc(w.shards, func(s []int32) bool { return slices.Equal(s, a.parts) })
		}
	}
	return false
}

// step lets one actor make one call.
func (w *world) step() bool {
	var ready []*actor
	for _, a := range w.actors {
		if !a.ended && a.frozen == 0 {
			ready = append(ready, a)
		}
	}
	for _, a := range w.actors {
		a.frozen = max(0, a.frozen-1)
	}
	if len(ready) == 0 {
		return false
	}
	a := ready[w.random.IntN(len(ready))]
	w.say("%s: %s", a.name, a.next)
	if a.dead {
		a.stop()
	}
	a.turn <- !a.dead
	w.await(a)
	w.collect(a)
	return true
}

// collect takes receipts that were answered.
func (w *world) collect(a *actor) {
	kept := a.waits[:0]
	for _, it := range a.waits {
		select {
		case got := <-it.answer:
			if got.err == nil {
				for _, p := range got.receipt.Partitions {
					w.receipt(p.Partition, got.receipt.Generation, p.Since)
				}
			}
		default:
			kept = append(kept, it)
		}
	}
	a.waits = kept
}

func (w *world) receipt(partition int32, generation, since int64) {
	if before, known := w.since[partition][generation]; known && before != since {
		w.t.Errorf("generation %d of partition %d is in force since %d by one receipt and since %d by another\n%s", generation, partition, before, since, w.said.String())
	}
	w.since[partition][generation] = since
}

// mischief does one of the things that happen to streams.
func (w *world) mischief() {
	a := w.actors[w.random.IntN(len(w.actors))]
	switch w.random.IntN(8) {
	case 0: // a worker dies, and the shard is leased again
		if !a.ended && a.loop != nil && w.owns(a) {
			a.dead = true
			w.say("%s dies", a.name)
			w.launch(a.parts)
		}
	case 1: // frozen past every timeout: a successor starts beside it
		if !a.ended && a.loop != nil && w.owns(a) {
			a.frozen = 20 + w.random.IntN(120)
			w.say("%s freezes for %d", a.name, a.frozen)
			w.launch(a.parts)
		}
	case 2: // frozen for a moment, and nobody notices
		a.frozen = w.random.IntN(30)
	case 3, 4: // new orders for everybody
		w.generation++
		w.say("orders of generation %d", w.generation)
		for _, a := range w.actors {
			if a.loop != nil && !a.ended && w.owns(a) && len(a.loop.asks) == 0 {
				it := &ask{orders: &Orders{Generation: w.generation}, answer: make(chan answer, 1)}
				a.loop.asks <- it
				a.waits = append(a.waits, it)
			}
		}
	case 5:
		w.divide([][][]int32{{{0, 1}, {2, 3}}, {{0, 1, 2, 3}}, {{0}, {1}, {2, 3}}, {{0, 2}, {1, 3}}}[w.random.IntN(4)])
	case 6: // records arrive
		for p := range w.logEnd {
			w.logEnd[p] += int64(w.random.IntN(3))
		}
	case 7: // the broker comes back without its last commit (a commit that went back has crossed out a doubt, which would come back, too)
		p := w.random.IntN(len(w.marks))
		if was, is := w.before[p], w.marks[p]; w.forgetful && was.next > was.Since && was.next < is.next && was.Generation == is.Generation {
			w.say("the broker forgets that %d of partition %d is committed, and says %d", w.marks[p].next, p, was.next)
			w.marks[p] = was
		}
	}
}

// divide is what scale does: drain who can be drained, retire the old owners, start the new.
func (w *world) divide(want [][]int32) {
	var gone [][]int32
	for _, s := range w.shards {
		if !slices.ContainsFunc(want, func(o []int32) bool { return slices.Equal(o, s) }) {
			gone = append(gone, s)
		}
	}
	if len(gone) == 0 {
		return
	}
	before := w.shards
	w.shards = want
	w.generation++
	w.say("divide %v into %v, generation %d", before, want, w.generation)
	for _, a := range w.actors {
		if a.loop != nil && !w.owns(a) && w.random.IntN(2) == 0 {
			a.stop() // the others could not be reached
		}
	}
	for _, s := range gone {
		for !w.retire(s) { // it is made again until it succeeds
		}
	}
	for _, s := range want {
		if !slices.ContainsFunc(before, func(o []int32) bool { return slices.Equal(o, s) }) {
			w.launch(s)
		}
	}
}

// retire runs Retire's session while the other actors go on between its calls.
func (w *world) retire(parts []int32) bool {
	a := &actor{name: fmt.Sprintf("retire %v g%d", parts, w.generation), turn: make(chan bool), calls: make(chan string), parts: parts}
	l, err := NewLoop(Options{
		Kafka: Kafka{Brokers: "memory"}, Pipeline: "tiny", Topic: "in", Output: "out", Partitions: parts, Orders: Orders{Generation: w.generation},
		Forward: w.forward(),
	}, nobody{})
	if err != nil {
		w.t.Fatal(err)
	}
	link := &simulated{world: w, actor: a, o: l.Options}
	go func() {
		s := newSession(l, &simSource{link}, &simSink{simulated: link})
		a.err = s.retire(context.Background())
		close(a.calls)
	}()
	for w.await(a); !a.ended; w.await(a) {
		for range w.random.IntN(4) {
			w.step()
		}
		w.say("%s: %s", a.name, a.next)
		a.turn <- true
	}
	if a.err != nil && !errors.Is(a.err, ErrOutdated) && !fenced(a.err) && !retryable(a.err) {
		w.t.Fatalf("retire: %v\n%s", a.err, w.said.String())
	}
	return a.err == nil || errors.Is(a.err, ErrOutdated)
}

// settle lets the owners finish: everybody thaws, shards without a loop get one. Where results
// were left open, the loops die once more, so that somebody looks for them.
func (w *world) settle() {
	w.careless = false
	for _, a := range w.actors {
		if len(w.open) > 0 && !a.ended && a.loop != nil {
			a.dead = true
		}
	}
	for round := range 40 {
		for _, a := range w.actors {
			a.frozen = 0
		}
		for _, s := range w.shards {
			if !slices.ContainsFunc(w.actors, func(a *actor) bool { return !a.ended && slices.Equal(a.parts, s) && w.owns(a) }) {
				w.launch(s)
			}
		}
		for range 200 {
			if !w.step() {
				break
			}
		}
		done := true
		for p, end := range w.logEnd {
			done = done && w.marks[p].next == end
		}
		if done && round > 2 {
			break
		}
	}
	for _, a := range w.actors { // nobody is left waiting for a turn
		a.dead = true
	}
	for range 100_000 {
		if !w.step() {
			return
		}
	}
	w.t.Errorf("loops do not end\n%s", w.said.String())
}

func (w *world) judge(seed uint64) {
	for p, end := range w.logEnd {
		for o := range end {
			id := fmt.Sprintf("%d@%d", p, o)
			if n := w.visible[id]; n != 1 {
				w.t.Errorf("seed %d: record %s was scored %d times", seed, id, n)
			}
			for generation, since := range w.since[p] {
				if got := w.under[id]; !w.again[id] && (o >= since && got < generation || o < since && got >= generation) {
					w.t.Errorf("seed %d: record %s was scored under generation %d; by its receipt, generation %d is in force since %d", seed, id, got, generation, since)
				}
			}
		}
	}
	if w.t.Failed() && *simulation > 0 {
		w.t.Log(w.said.String())
	}
}
