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

// Split orders the rows by a column (stably: rows of equal time keep their order) and cuts them in three, as Cut does.
func Split(t Table, orderBy string, shares Shares) (Parts, error) {
	cuts, err := Cut(t, orderBy, shares, Knowledge{})
	if err != nil {
		return Parts{}, err
	}
	return Parts{
		Train:          t.Pick(cuts.Order[cuts.Train.From:cuts.Train.To]),
		Validation:     t.Pick(cuts.Order[cuts.Validation.From:cuts.Validation.To]),
		Test:           t.Pick(cuts.Order[cuts.Test.From:cuts.Test.To]),
		ValidationFrom: cuts.ValidationFrom,
		TestFrom:       cuts.TestFrom,
	}, nil
}

// Knowledge says which rows can be learned from, in units of the order column.
type Knowledge struct {
	Delay float64 // how long after a row its label is known; 0: at once
	Span  float64 // how far back from the last row the parts reach; 0: to the first row
}

// Range is rows From to To-1 of an order.
type Range struct{ From, To int }

// Len is the number of rows.
func (r Range) Len() int { return r.To - r.From }

// Cuts are where the parts of a table lie in the order of time.
type Cuts struct {
	Order                   []int // all rows of the table, in order of time; rows of equal time keep their order
	Train, Validation, Test Range // in Order

	// The times at which these parts begin. What is fitted on the training part could have been fitted then: every label in
	// it was known by ValidationFrom, and every label of the validation part by TestFrom.
	ValidationFrom, TestFrom float64
}

// Cut orders the rows of the last Span by a column and divides them in three by shares of their number. A cut that would fall
// among rows of equal time moves down to the first of them, or up to the end of them when the part before would be empty; so
// no time is on both sides of a cut. Rows whose label was not yet known when the next part began are then in no part. Every
// part has at least one row, or it is an error.
func Cut(t Table, orderBy string, shares Shares, known Knowledge) (Cuts, error) {
	fail := func(err error) (Cuts, error) { return Cuts{}, fmt.Errorf("split by %q: %w", orderBy, err) }
	if err := shares.check(); err != nil {
		return fail(err)
	}
	if err := t.Check(); err != nil {
		return fail(err)
	}
	times, ok := t.Column(orderBy)
	if !ok || t.Len() == 0 {
		return fail(fmt.Errorf("%w: no such column, or no rows", ErrSchema))
	}
	c := Cuts{Order: make([]int, t.Len())}
	for i := range c.Order {
		c.Order[i] = i
	}
	slices.SortStableFunc(c.Order, func(a, b int) int { return cmp.Compare(times[a], times[b]) })

	start := 0
	if known.Span > 0 {
		start = c.firstAfter(times, times[c.Order[t.Len()-1]]-known.Span)
	}
	order := c.Order[start:]
	n := float64(len(order))
	first := cut(order, times, 0, int(n*shares.Train+0.5))
	second := cut(order, times, first, int(n*(shares.Train+shares.Validation)+0.5))
	if first == 0 || second == first || second == len(order) {
		return fail(fmt.Errorf("%d rows with %d distinct times are too few for three parts", len(order), distinct(order, times)))
	}
	c.ValidationFrom, c.TestFrom = times[order[first]], times[order[second]]
	c.Train = Range{start, min(start+first, c.firstAfter(times, c.ValidationFrom-known.Delay))}
	c.Validation = Range{start + first, min(start+second, c.firstAfter(times, c.TestFrom-known.Delay))}
	c.Test = Range{start + second, t.Len()}
	if c.Train.Len() <= 0 || c.Validation.Len() <= 0 {
		return fail(fmt.Errorf("a label delay of %v leaves no rows to learn from before the times %v and %v", known.Delay, c.ValidationFrom, c.TestFrom))
	}
	return c, nil
}

// firstAfter is the place in Order of the first row that is later than a time.
func (c *Cuts) firstAfter(times []float64, at float64) int {
	i, _ := slices.BinarySearchFunc(c.Order, at, func(row int, at float64) int {
		if times[row] <= at {
			return -1
		}
		return 1
	})
	return i
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

// Pick returns a table of these rows in this order.
func (t Table) Pick(rows []int) Table {
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
