package feature

import (
	"cmp"
	"iter"
	"slices"
)

// Moment is a point of a timeline: a row of the table happens, or its label becomes known.
type Moment struct {
	Row   int // of the table
	Label bool
	At    float64 // unix seconds, never before those of the moment before it
}

// Timeline is the order in which the rows of a table happen and their labels become known. Training, a stream that is rehearsed and
// histories that are filled from a table all follow it, and so see the same of every row:
//
//   - Rows come in the order of their event times, those of one time in the order of the table.
//   - A label that arrives on its own comes when it is known, but after its row. It comes before the rows of the same time, so that it
//     counts for them. Labels of one time are in the order of their rows.
//   - Where the pipeline waits for a delay instead, a label comes right behind its row: the features count it once the delay is over.
type Timeline struct {
	times  []float64 // by row; nil where no feature has a history: then the order of the table stays
	order  []int     // rows in event order; nil: as the table has them
	known  []float64 // by row, when its label arrives, never before the row; nil where labels do not arrive apart
	labels []Label   // by row; nil where no stage looks at them
	rows   int
}

// Timeline returns the timeline of a table.
func (p *Program) Timeline(t Table) (*Timeline, error) {
	if err := p.check(t); err != nil {
		return nil, err
	}
	l := p.timeline(&t)
	return &l, nil
}

// timeline is Timeline of a table that has been checked.
func (p *Program) timeline(t *Table) Timeline {
	l := Timeline{rows: len(t.Columns[0])}
	if len(p.stages) == 0 {
		return l
	}
	l.times = t.Columns[p.stages[0].time]
	if !slices.IsSorted(l.times) {
		l.order = sortedBy(l.times)
	}
	if !slices.ContainsFunc(p.stages, (*Stage).LooksAtLabels) {
		return l
	}
	if l.labels = t.Labels; l.labels != nil && t.KnownAt != nil && p.stages[0].arriving {
		l.known = make([]float64, l.rows)
		for i, at := range t.KnownAt {
			l.known[i] = max(at, l.times[i])
		}
	}
	return l
}

func sortedBy(times []float64) []int {
	order := make([]int, len(times))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(times[a], times[b]) })
	return order
}

// Row is the row of the table at a place of the event order.
func (l *Timeline) Row(place int) int {
	if l.order == nil {
		return place
	}
	return l.order[place]
}

// Rows are the first rows in event order, most at most.
func (l *Timeline) Rows(most int) []int {
	rows := make([]int, min(most, l.rows))
	for place := range rows {
		rows[place] = l.Row(place)
	}
	return rows
}

// Moments are all rows, and the labels that are known by the time of the last row.
func (l *Timeline) Moments() iter.Seq[Moment] {
	return func(yield func(Moment) bool) {
		coming := l.arrivals()
		arrive := func(places int, until float64) bool { // the labels of rows before a place
			for len(coming) > 0 && coming[0] < places && l.known[l.Row(coming[0])] <= until {
				row := l.Row(coming[0])
				coming = coming[1:]
				if !yield(Moment{Row: row, Label: true, At: l.known[row]}) {
					return false
				}
			}
			return true
		}
		var now float64
		for place := range l.rows {
			row := l.Row(place)
			if l.times != nil {
				now = l.times[row]
			}
			if !arrive(place, now) || !yield(Moment{Row: row, At: now}) {
				return
			}
			if l.known == nil && l.labels != nil && l.labels[row] != Unknown && !yield(Moment{Row: row, Label: true, At: now}) {
				return
			}
		}
		arrive(l.rows, now)
	}
}

// arrivals are the places of the rows whose labels arrive on their own, in the order in which they do. No label is kept waiting by one
// before it whose row has not come: both are of the time of rows that are to come, and so are their rows.
func (l *Timeline) arrivals() []int {
	if l.known == nil {
		return nil
	}
	var places []int
	for place := range l.rows {
		if l.labels[l.Row(place)] != Unknown {
			places = append(places, place)
		}
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(l.known[l.Row(a)], l.known[l.Row(b)]) })
	return places
}
