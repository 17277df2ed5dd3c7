package stream

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// collecting is a slow wire whose sink takes results ahead, and whose commits return only after two batches more have been
// scored: a loop that waits with what it scored would wait for ever.
type collecting struct {
	slow
	room    int   // of records ahead
	start   int64 // of the session
	ahead   []int64
	open    []int64
	visible []int64
	largest int // most records of a transaction
}

func (w *collecting) dial(limits) (source, sink, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.batches, w.start = 0, w.next
	w.ahead, w.open = nil, nil
	return slowSource{&w.slow}, &collectingSink{collecting: w, slowSink: slowSink{slow: &w.slow}}, nil
}

type collectingSink struct {
	*collecting
	slowSink
}

func offsetsOf(t []outgoing) (all []int64) {
	for _, o := range t {
		for _, h := range o.headers {
			if h.key == HeaderOffset {
				n, _ := strconv.ParseInt(string(h.value), 10, 64)
				all = append(all, n)
			}
		}
	}
	return all
}

func (s *collectingSink) init(context.Context) error { return nil }
func (s *collectingSink) close()                     {}

func (s *collectingSink) collect(records []outgoing) bool {
	if len(s.ahead) >= s.room {
		return false
	}
	s.ahead = append(s.ahead, offsetsOf(records)...)
	return true
}

func (s *collectingSink) release(context.Context) error {
	s.open, s.ahead = append(s.open, s.ahead...), nil
	return nil
}

func (s *collectingSink) begin() error {
	s.open = nil
	return nil
}

func (s *collectingSink) send(_ context.Context, records []outgoing) error {
	s.open = append(s.open, offsetsOf(records)...)
	return nil
}

func (s *collectingSink) commit(_ context.Context, next []int64, _ []string) error {
	w, open := s.collecting, s.open // that of the transaction that is next has not begun
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.start+int64(w.batches)*slowBatch < min(next[0]+2*slowBatch, slowBatch*slowBatches) {
		w.scored.Wait()
	}
	if w.commits++; w.commits == w.fail {
		return errFencedHere
	}
	w.visible = append(w.visible, open...)
	w.largest = max(w.largest, len(open))
	w.next = next[0]
	return nil
}

func (s *collectingSink) abort(context.Context) { s.open = nil }

func TestResultsAreCollectedWhileACommitIsOnItsWay(t *testing.T) {
	for name, test := range map[string]struct{ fail, room int }{
		"all goes well":      {0, 1000},
		"a commit fails":     {2, 1000},
		"there is less room": {0, 2 * slowBatch},
		"both":               {2, 2 * slowBatch},
	} {
		t.Run(name, func(t *testing.T) {
			w := &collecting{room: test.room}
			w.fail = test.fail
			w.scored = sync.NewCond(&w.mu)
			runOverlapping(t, w, w)
			want := make([]int64, slowBatch*slowBatches)
			for i := range want {
				want[i] = int64(i)
			}
			if !slices.Equal(w.visible, want) {
				t.Errorf("visible are\n%v", w.visible)
			}
			if w.largest < 2*slowBatch {
				t.Errorf("no transaction had more than %d records: nothing was collected", w.largest)
			}
		})
	}
}
