package feature

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"temporal-streaming/internal/record"
)

// Table is history as training has it, by column, with the labels that were found out in the end.
type Table struct {
	Columns [][]float64   // in the order of the program's schema, each [N]
	Texts   *record.Texts // of the text columns; nil where there are none
	Labels  []Label       // [N]; nil: all unknown
	KnownAt []float64     // as_they_arrive: [N], unix seconds from which on a label counts
}

// Replayed is what a Replay makes of a table.
type Replayed struct {
	X        []float64 // [N, F] row-major, rows in the order of the table
	counters Counters
}

// Counters sums up what the histories of all stages have met.
func (r *Replayed) Counters() Counters { return r.counters }

// ErrUnusable is returned when a row of a table cannot become history.
var ErrUnusable = errors.New("row without a usable time or value")

// ReplayOptions say how a Replay runs; all have defaults.
type ReplayOptions struct {
	Workers int       // default 1
	X       []float64 // memory for the result, such as that of a Replay before; default: new memory
}

// Replay computes the features of every row of a table as they would have been when it happened: rows become history, and labels
// count, in the order of the table's Timeline.
//
// No history depends on another key's, so a stage is replayed key by key, with one history that is emptied in between and stays in
// the nearest cache. That the stream, where all keys take turns, comes to the same bits is what the tests of Replay compare.
// The keys are divided among the workers.
func (p *Program) Replay(t Table, o ReplayOptions) (Replayed, error) {
	if err := p.check(t); err != nil {
		return Replayed{}, fmt.Errorf("replay history: %w", err)
	}
	n := len(t.Columns[0])
	if n > math.MaxInt32 {
		return Replayed{}, fmt.Errorf("replay history: %d rows at once, at most %d", n, math.MaxInt32)
	}
	line := p.timeline(&t)
	r := replay{program: p, table: t, order: line.order, known: line.known, workers: max(1, o.Workers)}
	r.x = o.X[:0]
	if r.x = r.x[:min(cap(r.x), n*p.Width())]; len(r.x) < n*p.Width() {
		r.x = make([]float64, n*p.Width())
		adviseHugePages(r.x)
	}
	err := r.run()
	return Replayed{r.x, r.counters}, err
}

func (p *Program) check(t Table) error {
	if len(t.Columns) != len(p.columns) || len(t.Columns) == 0 {
		return fmt.Errorf("%w: %d columns, and the schema has %d", ErrSpec, len(t.Columns), len(p.columns))
	}
	n := len(t.Columns[0])
	for c, values := range t.Columns {
		if len(values) != n {
			return fmt.Errorf("%w: column %s has %d rows, %s has %d", ErrSpec, p.columns[c], len(values), p.columns[0], n)
		}
	}
	if t.Labels != nil && len(t.Labels) != n || t.KnownAt != nil && len(t.KnownAt) != n {
		return fmt.Errorf("%w: %d labels and %d times of labels for %d rows", ErrSpec, len(t.Labels), len(t.KnownAt), n)
	}
	return nil
}

// replay is one run of Replay.
type replay struct {
	program  *Program
	table    Table
	order    []int     // see Timeline
	known    []float64 // by row, when its label arrives; nil where labels do not arrive apart
	workers  int
	x        []float64
	space    []uint64 // see room
	counters Counters
}

// run replays one stage after the other, since one may look at what those before it have computed, and finishes all rows.
func (r *replay) run() error {
	for _, stage := range r.program.stages {
		if len(stage.aggregates) == 0 {
			continue
		}
		keys := r.group(stage)
		failed, met := make([]error, r.workers), make([]Counters, r.workers)
		r.each(func(w int) {
			from, to := keys.share(w, r.workers)
			k := newKeyReplay(r, stage, keys)
			for g := from; g < to && failed[w] == nil; g++ {
				failed[w] = k.become(int(keys.starts[g]), int(keys.starts[g+1]))
			}
			met[w] = k.state.counters
		})
		if err := errors.Join(failed...); err != nil {
			return err
		}
		for _, c := range met {
			r.counters = r.counters.Plus(c)
		}
	}
	n, width := len(r.table.Columns[0]), r.program.Width()
	r.each(func(w int) {
		row := make([]float64, len(r.table.Columns))
		for i := w * n / r.workers; i < (w+1)*n/r.workers; i++ {
			for _, c := range r.program.finishes {
				row[c] = r.table.Columns[c][i]
			}
			r.program.Finish(row, r.x[i*width:(i+1)*width])
		}
	})
	return nil
}

// each lets all workers do something at the same time.
func (r *replay) each(do func(worker int)) {
	var all sync.WaitGroup
	for w := range r.workers {
		all.Go(func() { do(w) })
	}
	all.Wait()
}
