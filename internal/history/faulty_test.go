package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/stream"
)

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
