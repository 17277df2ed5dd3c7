package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/record"
	"temporal-streaming/internal/stream"
)

func TestSnapshotOfCommittedRecordsIsLoadedAgain(t *testing.T) {
	store := artifact.NewMemory(0)
	w := newWard(t, store, "1d")
	if at := w.mustLoad(stream.Want{Partition: 2, Next: 40, Fresh: true}); at != 40 {
		t.Fatalf("a fresh stream begins at %d, want 40", at)
	}
	w.live(2, 100)
	want := w.bytes(2)
	w.pass(false)
	if l := w.list(2); len(l.Snapshots) != 0 || l.Origin != 40 {
		t.Fatalf("before the commit the list is %+v", l)
	}
	w.pass(true)
	w.live(2, 50)

	next := newWard(t, store, "1d")
	if at := next.mustLoad(stream.Want{Partition: 2, First: 90, Next: 175}); at != 140 || !bytes.Equal(next.bytes(2), want) {
		t.Errorf("loaded what was known at %d; want what was known at 140", at)
	}
}

func TestSnapshotOfATransactionThatFailedIsGivenUp(t *testing.T) {
	w := newWard(t, artifact.NewMemory(0), "1d")
	w.mustLoad(stream.Want{Fresh: true})
	w.live(0, 100)
	w.pass(false)
	if w.ready == nil {
		t.Fatal("no snapshot waits for its commit")
	}
	if at := w.mustLoad(stream.Want{}); at != 0 {
		t.Fatalf("at %d", at)
	}
	w.Committed([]int32{0}, []int64{200})
	if w.ready != nil || w.upload != nil {
		t.Error("a snapshot of what never was went to the store")
	}
}

func TestTheNewestThreeAreKept(t *testing.T) {
	store := artifact.NewMemory(0)
	w := newWard(t, store, "1d")
	w.mustLoad(stream.Want{Fresh: true})
	var all []entry
	for range 6 {
		w.live(0, 10)
		w.pass(true)
		all = append(all, w.list(0).Snapshots[0])
	}
	l := w.list(0)
	if len(l.Snapshots) != 3 || l.Snapshots[0].Offset != 60 || l.Snapshots[2].Offset != 40 {
		t.Errorf("kept %+v", l.Snapshots)
	}
	for i, e := range all {
		if _, err := store.Get(context.Background(), e.Object); (err == nil) != (i >= 3) {
			t.Errorf("snapshot %d: %v", i, err)
		}
	}
}

func TestOtherFeaturesAreBuiltFromTheLogOrRefused(t *testing.T) {
	store := artifact.NewMemory(0)
	w := newWard(t, store, "1d")
	w.mustLoad(stream.Want{Fresh: true})
	w.live(0, 10)
	w.pass(true)
	other := newWard(t, store, "2d")
	if at := other.mustLoad(stream.Want{Next: 10}); at != 0 {
		t.Errorf("at %d, want 0", at)
	}
	if _, err := newWard(t, store, "2d").load(stream.Want{First: 1, Next: 10}); !errors.Is(err, stream.ErrHistoryLost) || !strings.Contains(err.Error(), "features were changed") {
		t.Errorf("%v; want ErrHistoryLost that names the features", err)
	}
	other.live(0, 15)
	other.pass(true)
	if at := newWard(t, store, "1d").mustLoad(stream.Want{First: 5, Next: 15}); at != 10 {
		t.Errorf("who goes back to the features of before begins at %d, want 10", at)
	}
}

// A former owner that does not know it yet adds to the list, and takes nothing of its successor's away.
func TestFormerOwnerLeavesItsSuccessorsSnapshots(t *testing.T) {
	store := artifact.NewMemory(0)
	old := newWard(t, store, "1d")
	old.mustLoad(stream.Want{Fresh: true})
	old.live(0, 10)
	old.pass(false) // it is frozen with a snapshot in hand

	next := newWard(t, store, "1d")
	next.mustLoad(stream.Want{Next: 0})
	for range 2 {
		next.live(0, 20)
		next.pass(true)
	}
	old.Committed([]int32{0}, []int64{10})
	if err := <-old.upload; err != nil {
		t.Fatal(err)
	}
	if l := next.list(0); len(l.Snapshots) != 3 || l.Snapshots[0].Offset != 40 || l.Snapshots[2].Offset != 10 {
		t.Errorf("the list is %+v", l.Snapshots)
	}
	if at := newWard(t, store, "1d").mustLoad(stream.Want{Next: 15}); at != 10 {
		t.Errorf("at %d", at)
	}
}

// A snapshot goes on while the state changes, a little at each turn.
func TestSnapshotIsTakenWhileRecordsCome(t *testing.T) {
	store := artifact.NewMemory(0)
	w := newWard(t, store, "1d")
	w.mustLoad(stream.Want{Fresh: true})
	rows := record.Rows{}
	row := rows.Extend(5)
	for k := range 200_000 {
		for c := range row {
			row[c] = float64(k)
		}
		w.p.h.Of(0).Update(row, &rows.Texts, feature.Unknown, make([]float64, 1))
	}
	w.n[0] = 200_000
	want := w.bytes(0)
	w.now = w.now.Add(time.Hour)
	turns := 0
	for w.ready == nil {
		w.Turn(w.p, []int32{0}, []int64{w.n[0]})
		w.live(0, 3)
		w.now = w.now.Add(10 * time.Millisecond)
		turns++
	}
	if turns < 5 {
		t.Errorf("the snapshot was taken in %d turns; want a little at each", turns)
	}
	w.Committed([]int32{0}, []int64{w.n[0]})
	if err := <-w.upload; err != nil {
		t.Fatal(err)
	}
	next := newWard(t, store, "1d")
	if at := next.mustLoad(stream.Want{Next: w.n[0]}); at != 200_000 || !bytes.Equal(next.bytes(0), want) {
		t.Errorf("the snapshot at %d is not what was known when it was begun", at)
	}
}

func FuzzReadList(f *testing.F) {
	good, err := json.Marshal(list{Format: 1, Origin: 3, Seed: &entry{Stage: strings.Repeat("ab", 32)}, Snapshots: []entry{{Offset: 4, Stage: strings.Repeat("00", 32)}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":1,"snapshots":[{"offset":-1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := readList(data)
		if err != nil {
			if !errors.Is(err, errList) {
				t.Fatal(err)
			}
			return
		}
		for i := 1; i < len(l.Snapshots); i++ {
			if l.Snapshots[i].Offset > l.Snapshots[i-1].Offset {
				t.Fatal("not the newest first")
			}
		}
	})
}

// What a stream begins with, or goes on with, may come from elsewhere.
func TestSeedIsWhatWasKnownBefore(t *testing.T) {
	store := &faulty{Store: artifact.NewMemory(0), bad: map[string]bool{}}
	maker := newWard(t, store, "1d")
	maker.live(0, 60)
	want := maker.bytes(0)
	seed := func(origin int64) {
		t.Helper()
		if _, err := maker.Seed(context.Background(), maker.p.h, 0, maker.p.h.Of(0), origin); err != nil {
			t.Fatal(err)
		}
	}
	seed(-1)
	w := newWard(t, store, "1d")
	if at := w.mustLoad(stream.Want{Next: 25, Fresh: true}); at != 25 || !bytes.Equal(w.bytes(0), want) {
		t.Errorf("the stream begins at %d without the seed", at)
	}
	w.n[0] = 25
	w.live(0, 10)
	w.pass(true)
	again := newWard(t, store, "1d")
	if at := again.mustLoad(stream.Want{Next: 40}); at != 35 {
		t.Errorf("the snapshot after the seed is not taken: at %d", at)
	}
	store.bad[again.list(0).Snapshots[0].Object.Key] = true
	if at := again.mustLoad(stream.Want{Next: 40}); at != 25 || !bytes.Equal(again.bytes(0), want) {
		t.Errorf("without its snapshot the history stands at %d, want 25 with the seed", at)
	}

	seed(90) // it replaces everything: the stream goes on at 90
	if at := newWard(t, store, "1d").mustLoad(stream.Want{First: 90, Next: 95}); at != 90 {
		t.Errorf("at %d", at)
	}
	if l := w.list(0); len(l.Snapshots) != 0 {
		t.Errorf("snapshots of before are left: %+v", l.Snapshots)
	}
	if _, err := newWard(t, store, "2d").load(stream.Want{Next: 95}); !errors.Is(err, stream.ErrHistoryLost) {
		t.Errorf("a seed of other features: %v; want ErrHistoryLost", err)
	}
	store.bad[w.list(0).Seed.Object.Key] = true
	if _, err := newWard(t, store, "1d").load(stream.Want{Next: 95}); !errors.Is(err, stream.ErrHistoryLost) {
		t.Errorf("a damaged seed: %v; want ErrHistoryLost", err)
	}
}
