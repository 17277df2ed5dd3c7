package score

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"temporal-streaming/internal/record"
)

// A stage that dies at any record, and goes on from a snapshot and the log, does not show that it has died.
func TestStagesGoOnFromSnapshotsWithTheSameBits(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	w := newTown(t)
	ps := payments(r, 3000, 60, 25, 50)
	w.play(r, ps)
	type snapshot struct {
		at    int64
		bytes []byte
	}
	snapshots := make([]snapshot, 4)
	next := make([]int64, 4)
	for in := w.order; len(in) > 0; {
		n := min(1+r.IntN(60), len(in))
		w.finish(in[:n])
		for _, m := range in[:n] {
			next[m.Partition] = m.Offset + 1
		}
		in = in[n:]
		if p := int32(r.IntN(4)); r.IntN(3) == 0 {
			var b bytes.Buffer
			if err := w.engines[1].Histories().Of(p).Snapshot(&b); err != nil {
				t.Fatal(err)
			}
			snapshots[p] = snapshot{next[p], b.Bytes()}
		}
		if r.IntN(10) > 0 {
			continue
		}
		w.engines[1] = w.engine(1) // it has died
		var old []record.Message
		for p, s := range snapshots {
			if s.bytes != nil {
				state, err := w.engines[1].Histories().Read(bytes.NewReader(s.bytes))
				if err != nil {
					t.Fatal(err)
				}
				w.engines[1].Histories().Set(int32(p), state)
			}
			old = append(old, w.stage1[p][s.at:next[p]]...)
		}
		w.engines[1].Absorb(old)
	}
	w.compare(ps)
}

func TestSuccessorInheritsHistoriesOfTheSameFeaturesOnly(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	w := newTown(t)
	ps := payments(r, 500, 20, 9, 50)
	w.play(r, ps)
	half := len(w.order) / 2
	w.finish(w.order[:half])
	heir := w.engine(1)
	if err := heir.Inherit(w.engines[0]); err == nil {
		t.Error("stage 1 inherits the history of stage 0")
	}
	if err := heir.Inherit(engineOf(t, opened(t, smallFiles(t)), EngineOptions{})); err == nil {
		t.Error("a stage inherits from an engine without history")
	}
	if err := heir.Inherit(w.engines[1]); err != nil {
		t.Fatal(err)
	}
	w.engines[1] = heir
	w.finish(w.order[half:])
	w.compare(ps)
}

// A stream that begins with a backfill gives the bits of one that has read everything.
func TestStreamThatBeginsWithABackfillKnowsWhatWasBefore(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 4))
	w := newTown(t)
	ps := payments(r, 4000, 60, 25, 60)
	half := len(ps) / 2
	before := w.table(ps[:half])
	histories, err := w.bundle.Backfill(t.Context(), before, 4, func(key []byte) int32 {
		var customer int32
		fmt.Sscan(string(key), &customer)
		return customer % 4
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for stage, h := range histories {
		for p := range int32(4) { // as they come back from the object store
			var b bytes.Buffer
			if err := h.Of(p).Snapshot(&b); err != nil {
				t.Fatal(err)
			}
			state, err := w.engines[stage].Histories().Read(&b)
			if err != nil {
				t.Fatal(err)
			}
			w.engines[stage].Histories().Set(p, state)
		}
	}
	w.play(r, ps[half:])
	w.finish(w.order)
	prints, probabilities := w.batch(ps)
	if len(w.got) != len(ps)-half {
		t.Fatalf("%d predictions of %d payments", len(w.got), len(ps)-half)
	}
	for _, p := range w.got {
		var id int
		fmt.Sscan(p.ID, &id)
		if p.Features != prints[id] || p.Probability != probabilities[id] {
			t.Fatalf("payment %d: features %s, %v; training computes %s, %v", id, p.Features, p.Probability, prints[id], probabilities[id])
		}
	}
}
