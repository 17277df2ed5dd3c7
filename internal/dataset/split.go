package dataset

import (
	"cmp"
	"fmt"
	"slices"
)

// Shares says how much of the rows each part gets. They must be positive and sum to one.
type Shares struct{ Train, Validation, Test float64 }

// Parts are a table in three, one after the other in time.
type Parts struct {
	Train, Validation, Test Table

	// ValidationFrom and TestFrom are the values of the order column at which these parts begin: every training row is
	// strictly before ValidationFrom, every validation row in [ValidationFrom, TestFrom).
	ValidationFrom, TestFrom float64
}

// Split orders the rows by a column (stably: rows of equal time keep their order) and cuts them in three. A cut that
// would fall among rows of equal time moves down to the first of them, or up to the end of them when the part before
// would be empty; so no time is on both sides of a cut. Every part has at least one row, or it is an error.
func Split(t Table, orderBy string, shares Shares) (Parts, error) {
	fail := func(err error) (Parts, error) { return Parts{}, fmt.Errorf("split by %q: %w", orderBy, err) }
	if err := shares.check(); err != nil {
		return fail(err)
	}
	if err := t.Check(); err != nil {
		return fail(err)
	}
	times, ok := t.Column(orderBy)
	if !ok {
		return fail(fmt.Errorf("%w: no such column", ErrSchema))
	}
	order := make([]int, t.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(times[a], times[b]) })

	n := float64(len(order))
	first := cut(order, times, 0, int(n*shares.Train+0.5))
	second := cut(order, times, first, int(n*(shares.Train+shares.Validation)+0.5))
	if first == 0 || second == first || second == len(order) {
		return fail(fmt.Errorf("%d rows with %d distinct times are too few for three parts", len(order), distinct(order, times)))
	}
	return Parts{
		Train:          t.pick(order[:first]),
		Validation:     t.pick(order[first:second]),
		Test:           t.pick(order[second:]),
		ValidationFrom: times[order[first]],
		TestFrom:       times[order[second]],
	}, nil
}

func (s Shares) check() error {
	if sum := s.Train + s.Validation + s.Test; !(s.Train > 0 && s.Validation > 0 && s.Test > 0) || !(sum > 1-1e-9 && sum < 1+1e-9) {
		return fmt.Errorf("shares %v, %v, %v must be positive and sum to 1", s.Train, s.Validation, s.Test)
	}
	return nil
}

// cut moves a wanted position in order, which lies above from, to a place between two different times.
func cut(order []int, times []float64, from, at int) int {
	at = min(max(at, from), len(order))
	inside := func(k int) bool { return k > 0 && k < len(order) && times[order[k]] == times[order[k-1]] }
	down := at
	for down > from && inside(down) {
		down--
	}
	if down > from {
		return down
	}
	for at = max(at, from+1); inside(at); {
		at++
	}
	return min(at, len(order))
}

func distinct(order []int, times []float64) int {
	n := 0
	for k, i := range order {
		if k == 0 || times[i] != times[order[k-1]] {
			n++
		}
	}
	return n
}

func (t Table) pick(rows []int) Table {
	part := Table{Columns: slices.Clone(t.Columns), Data: make([][]float64, len(t.Data)), Texts: t.Texts}
	for c, values := range t.Data {
		picked := make([]float64, len(rows))
		for k, r := range rows {
			picked[k] = values[r]
		}
		part.Data[c] = picked
	}
	return part
}
