package score

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// Backfill builds what the stages of a stream know after the rows of a table, each with its label from when it was known, as if the
// stream had read them: a Histories for each stage, with topics of so many partitions. source answers to which partition of the source a
// key belongs: a number in decimal, a text as it is. progress is told how many rows are done; it may be nil.
func (b *Bundle) Backfill(ctx context.Context, table feature.Table, partitions int32, source func(key []byte) int32, progress func(rows int)) ([]*Histories, error) {
	h, err := b.backfill(ctx, table, partitions, source, progress)
	if err != nil {
		return nil, fmt.Errorf("backfill histories of %s@%s: %w", b.Name, b.Version, err)
	}
	return h, nil
}

func (b *Bundle) backfill(ctx context.Context, table feature.Table, partitions int32, source func(key []byte) int32, progress func(rows int)) ([]*Histories, error) {
	d := b.Definition
	schema, err := feature.Schema(d.StreamSchema())
	if err != nil {
		return nil, err
	}
	program, err := feature.NewProgram(b.Spec, schema)
	if err != nil {
		return nil, err
	}
	stages := program.Stages()
	if len(stages) == 0 {
		return nil, errors.New("no feature has a history")
	}
	if d.LooksAtLabels() {
		if err := program.IdentifyBy(schema, d.ID); err != nil {
			return nil, err
		}
	}
	fields := schema.Fields()
	if len(table.Columns) != len(fields) {
		return nil, fmt.Errorf("the table has %d columns, and the stream's schema %d", len(table.Columns), len(fields))
	}
	texts := table.Texts
	if texts == nil {
		texts = &record.Texts{}
	}
	f := filling{table: table, texts: texts, arriving: d.Labels == pipeline.AsTheyArrive, values: make([]float64, program.Width())}
	f.time, _ = schema.Index(d.EventTime.Column)
	f.id, _ = schema.Index(d.ID)
	f.idIsText = fields[f.id].Kind == record.Text
	key, _ := schema.Index(d.Key)
	keyIsText := fields[key].Kind == record.Text
	for _, s := range stages {
		f.histories = append(f.histories, NewHistories(s))
	}
	var digits []byte
	place := func(stage int, row []float64) int32 {
		switch {
		case stage > 0:
			return stages[stage].Partition(row, texts, partitions)
		case keyIsText:
			return source(texts.At(row[key]))
		}
		digits = strconv.AppendInt(digits[:0], int64(row[key]), 10)
		return source(digits)
	}
	row := make([]float64, len(fields))
	order := f.order()
	later := f.later(order)
	for n, i := range order {
		if n%65536 == 0 {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if progress != nil {
				progress(n)
			}
		}
		for ; len(later) > 0 && f.known(later[0]) <= table.Columns[f.time][i]; later = later[1:] {
			f.tell(later[0], row, place)
		}
		f.row(i, row)
		clear(f.values)
		for stage, h := range f.histories {
			if !h.Of(place(stage, row)).Update(row, texts, feature.Unknown, f.values) {
				return nil, fmt.Errorf("row %d: %w", i, feature.ErrUnusable)
			}
		}
		if !f.arriving && table.Labels != nil && table.Labels[i] == feature.Positive {
			f.tell(i, row, place) // it counts from its delay on, and is known before
		}
	}
	if progress != nil {
		progress(len(order))
	}
	return f.histories, nil
}

// filling is one backfill.
type filling struct {
	table     feature.Table
	texts     *record.Texts
	time, id  int // columns
	idIsText  bool
	arriving  bool
	values    []float64
	histories []*Histories
}

func (f *filling) row(i int, row []float64) {
	for c := range row {
		row[c] = f.table.Columns[c][i]
	}
}

// order is that of the events.
func (f *filling) order() []int {
	order := make([]int, len(f.table.Columns[f.time]))
	for i := range order {
		order[i] = i
	}
	times := f.table.Columns[f.time]
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(times[a], times[b]) })
	return order
}

func (f *filling) known(i int) float64 { return max(f.table.KnownAt[i], f.table.Columns[f.time][i]) }

// later are the rows whose labels arrive apart, in the order in which they do. Those that are known after the last row are left to
// the stream's topic of labels.
func (f *filling) later(order []int) []int {
	if !f.arriving || f.table.Labels == nil || f.table.KnownAt == nil {
		return nil
	}
	var later []int
	for _, i := range order {
		if f.table.Labels[i] != feature.Unknown {
			later = append(later, i)
		}
	}
	slices.SortStableFunc(later, func(a, b int) int { return cmp.Compare(f.known(a), f.known(b)) })
	return later
}

// tell gives a row's label to the stages that look at labels, where the row is.
func (f *filling) tell(i int, row []float64, place func(stage int, row []float64) int32) {
	f.row(i, row)
	id := uint64(int64(row[f.id]))
	if f.idIsText {
		id = feature.TextID(f.texts.At(row[f.id]))
	}
	at := f.table.Columns[f.time][i]
	if f.table.KnownAt != nil {
		at = f.known(i)
	}
	for stage, h := range f.histories {
		if h.stage.LooksAtLabels() {
			h.Of(place(stage, row)).LearnByID(id, f.table.Labels[i] == feature.Positive, int64(at*1000))
		}
	}
}
