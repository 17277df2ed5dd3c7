package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
	"temporal-streaming/internal/stream"
)

const counting = `name: counting
schema:
  - {name: id, type: int}
  - {name: at, type: time}
  - {name: card, type: int}
  - {name: amount, type: decimal(2)}
  - {name: bad, type: int}
id: id
key: card
event_time: {column: at}
label: {column: bad, positive: 1, delay: 1d}
labels: delayed
source: {topic: in}
features:
  - {name: "n_<window>", aggregate: count, key: card, over: [%s]}
decision: {positive: a, negative: b}
sink: {topic: out}
`

// processor knows histories, and nothing else.
type processor struct{ h *score.Histories }

func (p *processor) Process([]record.Message, *score.Output) {}
func (p *processor) Histories() *score.Histories             { return p.h }

func stageOver(t testing.TB, over string) *feature.Stage {
	t.Helper()
	d, err := pipeline.Parse("counting.yaml", fmt.Appendf(nil, counting, over))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := feature.Schema(d.StreamSchema())
	if err != nil {
		t.Fatal(err)
	}
	program, err := feature.NewProgram(feature.SpecOf(d), schema)
	if err != nil {
		t.Fatal(err)
	}
	return program.Stages()[0]
}

// ward is one owner's book and processor, and a clock.
type ward struct {
	*Book
	p   *processor
	log bytes.Buffer
	t   testing.TB
	now time.Time
	n   map[int32]int64
}

func newWard(t testing.TB, store artifact.Store, over string) *ward {
	w := &ward{t: t, p: &processor{score.NewHistories(stageOver(t, over))}, now: time.Unix(1e9, 0), n: map[int32]int64{}}
	w.Book = &Book{
		Store: store, Pipeline: "counting", Topic: "in", Every: time.Minute, Folder: t.TempDir(),
		Logger: slog.New(slog.NewTextHandler(&w.log, nil)), Now: func() time.Time { return w.now },
	}
	return w
}

// live lets so many records of a partition become history.
func (w *ward) live(partition int32, n int) {
	columns := 5 // in whatever order: they are found by the stage
	for range n {
		rows := record.Rows{}
		row := rows.Extend(columns)
		k := w.n[partition]
		for c := range row {
			row[c] = float64(1000 + k%17)
		}
		w.p.h.Of(partition).Update(row, &rows.Texts, feature.Unknown, make([]float64, 1))
		w.n[partition]++
	}
}

// pass lets time pass, and turns come, until nothing is left to do.
func (w *ward) pass(committed bool) {
	w.now = w.now.Add(time.Hour)
	for range 50 {
		var partitions []int32
		var at []int64
		for p, n := range w.n {
			partitions, at = append(partitions, p), append(at, n)
		}
		w.Turn(w.p, partitions, at)
		if committed {
			w.Committed(partitions, at)
		}
		if w.upload != nil {
			err := <-w.upload
			w.upload <- err
		}
		w.now = w.now.Add(time.Second)
	}
}

func (w *ward) load(wants ...stream.Want) ([]stream.Want, error) {
	w.t.Helper()
	return wants, w.Load(context.Background(), w.p, wants)
}

func (w *ward) mustLoad(want stream.Want) int64 {
	w.t.Helper()
	wants, err := w.load(want)
	if err != nil {
		w.t.Fatal(err)
	}
	w.n[want.Partition] = wants[0].At
	return wants[0].At
}

func (w *ward) bytes(partition int32) []byte {
	w.t.Helper()
	var b bytes.Buffer
	if err := w.p.h.Of(partition).Snapshot(&b); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

func (w *ward) list(partition int32) list {
	w.t.Helper()
	l, err := w.shelf().read(context.Background(), partition)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

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

// faulty is a store that has damaged objects, or is away.
type faulty struct {
	artifact.Store
	bad  map[string]bool
	away bool
}

var errAway = fmt.Errorf("no answer: %w", artifact.ErrUnavailable)

func (d *faulty) Open(ctx context.Context, ref artifact.Ref) (io.ReadCloser, error) {
	if d.away {
		return nil, errAway
	}
	r, err := d.Store.Open(ctx, ref)
	if err == nil && d.bad[ref.Key] {
		data, _ := io.ReadAll(r)
		data[len(data)/2] ^= 1
		return io.NopCloser(bytes.NewReader(data[:len(data)-len(data)/5])), nil
	}
	return r, err
}

func (d *faulty) PutReader(ctx context.Context, prefix, name string, r io.ReadSeeker) (artifact.Ref, error) {
	if d.away {
		return artifact.Ref{}, errAway
	}
	return d.Store.PutReader(ctx, prefix, name, r)
}

func (d *faulty) GetNamed(ctx context.Context, key string) ([]byte, error) {
	if d.away {
		return nil, errAway
	}
	return d.Store.GetNamed(ctx, key)
}

func TestDamagedSnapshotIsSkippedForTheOneBefore(t *testing.T) {
	store := &faulty{Store: artifact.NewMemory(0), bad: map[string]bool{}}
	w := newWard(t, store, "1d")
	w.mustLoad(stream.Want{Fresh: true})
	for range 3 {
		w.live(0, 10)
		w.pass(true)
	}
	l := w.list(0)
	want := stream.Want{Next: 30}
	for i, at := range []int64{20, 10, 0} {
		store.bad[l.Snapshots[i].Object.Key] = true
		next := newWard(t, store, "1d")
		if got := next.mustLoad(want); got != at {
			t.Errorf("with %d damaged the history stands at %d, want %d", i+1, got, at)
		}
		if n := strings.Count(next.log.String(), "a snapshot is skipped"); n != i+1 {
			t.Errorf("%d lines of the log tell of skipped snapshots, want %d", n, i+1)
		}
	}
	want.First = 5
	_, err := newWard(t, store, "1d").load(want)
	if !errors.Is(err, stream.ErrHistoryLost) || !strings.Contains(err.Error(), "starter backfill counting") {
		t.Errorf("%v; want ErrHistoryLost, and what to do", err)
	}
}

func TestWithoutAListOnlyAWholeLogWillDo(t *testing.T) {
	for _, stored := range []string{"", "{", `{"format":99}`, `{"format":1,"origin":-1,"snapshots":[{}]}`} {
		store := artifact.NewMemory(0)
		if stored != "" {
			if err := store.PutNamed(context.Background(), "streams/counting/histories/in/0/list.json", []byte(stored)); err != nil {
				t.Fatal(err)
			}
		}
		if at := newWard(t, store, "1d").mustLoad(stream.Want{Next: 30}); at != 0 {
			t.Errorf("%q: at %d, want 0", stored, at)
		}
		if _, err := newWard(t, store, "1d").load(stream.Want{First: 1, Next: 30}); !errors.Is(err, stream.ErrHistoryLost) {
			t.Errorf("%q: %v; want ErrHistoryLost", stored, err)
		}
		if at := newWard(t, store, "1d").mustLoad(stream.Want{First: 1, Next: 30, Fresh: true}); at != 30 {
			t.Errorf("%q: a fresh stream begins at %d", stored, at)
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

// A store that is away costs snapshots, and nothing else.
func TestAStoreThatIsAwayIsNoLostHistory(t *testing.T) {
	store := &faulty{Store: artifact.NewMemory(0)}
	w := newWard(t, store, "1d")
	w.mustLoad(stream.Want{Fresh: true})
	store.away = true
	w.live(0, 10)
	w.pass(true)
	if !strings.Contains(w.log.String(), "no snapshot was kept") {
		t.Error("the log says nothing")
	}
	if _, err := newWard(t, store, "1d").load(stream.Want{Next: 10}); err == nil || errors.Is(err, stream.ErrHistoryLost) {
		t.Errorf("%v; want an error that is tried again", err)
	}
	store.away = false
	w.live(0, 10)
	w.pass(true)
	if l := w.list(0); len(l.Snapshots) != 1 || l.Snapshots[0].Offset != 20 {
		t.Errorf("the list is %+v", l)
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
