package feature

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
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
	X      []float64 // [N, F] row-major, rows in the order of the table
	States [][]*State
}

// Counters sums up what the states of all stages have met.
func (r *Replayed) Counters() Counters {
	var sum Counters
	for _, states := range r.States {
		for _, s := range states {
			sum = sum.Plus(s.counters)
		}
	}
	return sum
}

// ErrUnusable is returned when a row of a table cannot become history.
var ErrUnusable = errors.New("row without a usable time or value")

// ReplayOptions say how a Replay runs; all have defaults.
type ReplayOptions struct {
	Workers int       // default 1
	X       []float64 // memory for the result, such as that of a Replay before; default: new memory
}

// Replay computes the features of every row of a table as they would have been when it happened: rows become history in the
// order of their event times, those of one time in the order of the table, and no label counts before it is known. Keys are
// divided among the workers, which changes no bit of the result.
func (p *Program) Replay(t Table, o ReplayOptions) (Replayed, error) {
	if err := p.check(t); err != nil {
		return Replayed{}, fmt.Errorf("replay history: %w", err)
	}
	n := len(t.Columns[0])
	r := replay{program: p, table: t, order: p.order(t), workers: max(1, o.Workers)}
	r.labels = r.labelOrder()
	out := Replayed{X: o.X[:0], States: make([][]*State, len(p.stages))}
	if out.X = out.X[:min(cap(out.X), n*p.Width())]; len(out.X) < n*p.Width() {
		out.X = make([]float64, n*p.Width())
		adviseHugePages(out.X)
	}
	for i, stage := range p.stages {
		for range r.workers {
			out.States[i] = append(out.States[i], stage.NewState())
		}
	}
	r.x, r.states, r.nths = out.X, out.States, make([][]uint32, len(p.stages))
	for i, stage := range p.stages {
		if r.labels != nil && stage.exact {
			r.nths[i] = make([]uint32, n)
		}
	}
	return out, r.run()
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

// order returns the rows in event order; nil where that is the table's order already.
func (p *Program) order(t Table) []int {
	if len(p.stages) == 0 {
		return nil
	}
	times := t.Columns[p.stages[0].time]
	if slices.IsSorted(times) {
		return nil
	}
	return sortedBy(times)
}

func sortedBy(times []float64) []int {
	order := make([]int, len(times))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(times[a], times[b]) })
	return order
}

// labelOrder returns the rows in the order in which their labels arrive, those of one time in event order; nil where labels
// do not arrive apart.
func (r *replay) labelOrder() []int {
	stages, t := r.program.stages, &r.table
	if len(stages) == 0 || !stages[0].arriving || t.Labels == nil || t.KnownAt == nil {
		return nil
	}
	r.known = make([]float64, len(t.KnownAt))
	labels := make([]int, len(t.KnownAt))
	for k := range labels {
		i := r.at(k)
		labels[k], r.known[i] = i, max(t.KnownAt[i], t.Columns[stages[0].time][i]) // never before the row itself
	}
	slices.SortStableFunc(labels, func(a, b int) int { return cmp.Compare(r.known[a], r.known[b]) })
	return labels
}

// replay is one run of Replay.
type replay struct {
	program *Program
	table   Table
	order   []int
	labels  []int     // rows in the order in which their labels arrive; nil where labels do not arrive apart
	known   []float64 // by row, when its label arrives
	workers int
	x       []float64
	states  [][]*State
	nths    [][]uint32 // by stage and row, where labels arrive and the stage is exact: see State.Learn
}

// run replays with all workers. Each goes through all rows and takes those of its keys; once the aggregates of all stages are
// there, the rows are divided evenly to be finished. Where a stage looks at what one before it has computed, maybe of another worker's
// keys, all wait between the stages.
func (r *replay) run() error {
	failed := make([]error, r.workers)
	each := func(do func(worker int)) {
		var all sync.WaitGroup
		for w := range r.workers {
			all.Go(func() { do(w) })
		}
		all.Wait()
	}
	stages := len(r.states)
	steps := [][2]int{{0, stages}}
	if r.program.chained && r.workers > 1 {
		steps = steps[:0]
		for s := range stages {
			steps = append(steps, [2]int{s, s + 1})
		}
	}
	for _, step := range steps {
		each(func(w int) { failed[w] = r.share(w, step[0], step[1]) })
		if err := errors.Join(failed...); err != nil || r.workers == 1 {
			return err
		}
	}
	n, width := len(r.table.Columns[0]), r.program.Width()
	each(func(w int) {
		row := make([]float64, len(r.table.Columns))
		for i := w * n / r.workers; i < (w+1)*n/r.workers; i++ {
			r.gather(row, i)
			r.program.Finish(row, r.x[i*width:(i+1)*width])
		}
	})
	return nil
}

// share replays the keys of one worker in some of the stages, a block of rows at a time. A lone worker finishes them, too.
func (r *replay) share(worker, first, end int) error {
	width, n := r.program.Width(), len(r.table.Columns[0])
	columns := len(r.table.Columns)
	rows := record.Rows{Width: columns, Values: make([]float64, block*columns)}
	taken := make([]int, 0, block) // rows of the table
	texts, arrivals := r.texts(), r.arrivals(worker, first, end)
	size := block
	if r.labels != nil {
		size = 1 // labels arrive between any two rows
	}
	for from := 0; from < n; from += size {
		to := min(from+size, n)
		for s := first; s < end; s++ {
			if s == first || r.workers > 1 {
				taken = taken[:0]
				for k := from; k < to; k++ {
					i, row := r.at(k), rows.Values[len(taken)*columns:][:columns]
					r.gather(row, i)
					if s == first {
						arrivals.until(k, row)
					}
					if r.owns(worker, s, row) {
						taken = append(taken, i)
					}
				}
			}
			state := r.states[s][worker]
			state.touch(&rows, 0, len(taken))
			for b, i := range taken {
				if !state.update(rows.Values[b*columns:][:columns], texts, r.label(i), r.x[i*width:][:width], state.hints[b]) {
					return fmt.Errorf("replay history: row %d: %w", i, ErrUnusable)
				}
				if r.nths[s] != nil {
					r.nths[s][i] = state.nth
				}
			}
		}
		if r.workers == 1 {
			r.finish(&rows, from, to)
		}
	}
	return nil
}

// finish computes what the rows of a block need no history for. Without stages nobody has gathered them yet.
func (r *replay) finish(rows *record.Rows, from, to int) {
	width, columns := r.program.Width(), rows.Width
	for k := from; k < to; k++ {
		i, row := r.at(k), rows.Values[(k-from)*columns:][:columns]
		if len(r.states) == 0 {
			r.gather(row, i)
		}
		r.program.Finish(row, r.x[i*width:][:width])
	}
}

// owns says whether a worker has the key of a row in a stage.
func (r *replay) owns(worker, stage int, row []float64) bool {
	if r.workers == 1 {
		return true
	}
	s := r.program.stages[stage]
	key := row[s.key]
	hash := math.Float64bits(key)
	if s.keyIsText {
		hash = fingerprint(r.table.Texts.At(key))
	}
	return int(hash*0x9e3779b97f4a7c15>>33)%r.workers == worker
}

func (r *replay) at(k int) int {
	if r.order == nil {
		return k
	}
	return r.order[k]
}

func (r *replay) gather(row []float64, i int) {
	for c := range row {
		row[c] = r.table.Columns[c][i]
	}
}

func (r *replay) texts() *record.Texts {
	if r.table.Texts == nil {
		return new(record.Texts)
	}
	return r.table.Texts
}

func (r *replay) label(i int) Label {
	if r.table.Labels == nil || r.labels != nil {
		return Unknown
	}
	return r.table.Labels[i]
}

// arrivals tells a worker's states the labels of earlier rows as they become known.
type arrivals struct {
	*replay
	worker int
	stages [2]int // those that are replayed, from and to
	next   int    // in labels
	place  []int  // of each row in event order
	row    []float64
}

func (r *replay) arrivals(worker, first, end int) *arrivals {
	a := &arrivals{replay: r, worker: worker, stages: [2]int{first, end}}
	if r.labels == nil {
		return a
	}
	a.row = make([]float64, len(r.table.Columns))
	a.place = make([]int, len(r.labels))
	for k := range a.place {
		a.place[r.at(k)] = k
	}
	return a
}

// until tells all labels that are known when the k-th row happens, of rows that happened before it.
func (a *arrivals) until(k int, row []float64) {
	for ; a.next < len(a.labels); a.next++ {
		i := a.labels[a.next]
		if a.known[i] > row[a.program.stages[0].time] || a.place[i] >= k {
			return
		}
		a.gather(a.row, i)
		for s := a.stages[0]; s < a.stages[1]; s++ {
			if a.owns(a.worker, s, a.row) && a.table.Labels[i] != Unknown {
				nth := uint32(0)
				if a.nths[s] != nil {
					nth = a.nths[s][i]
				}
				a.states[s][a.worker].Learn(a.row, a.texts(), nth, a.table.Labels[i] == Positive)
			}
		}
	}
}
