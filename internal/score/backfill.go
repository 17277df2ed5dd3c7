package score

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// Backfill builds what the stages of a stream know after the rows of a table, each with its label from when it was known, as if the
// stream had read them: a Histories for each stage, with topics of so many partitions. source answers to which partition of the source a
// key belongs: a number in decimal, a text as it is. progress is told how many rows are done; it may be nil. Labels that are known
// after the last row are left to the stream's topic of labels.
func (b *Bundle) Backfill(ctx context.Context, table feature.Table, partitions int32, source func(key []byte) int32, progress func(rows int)) ([]*Histories, error) {
	if progress == nil {
		progress = func(int) {}
	}
	h, err := b.backfill(ctx, table, partitions, source, progress)
	if err != nil {
		return nil, fmt.Errorf("backfill histories of %s@%s: %w", b.Name, b.Version, err)
	}
	return h, nil
}

func (b *Bundle) backfill(ctx context.Context, table feature.Table, partitions int32, source func(key []byte) int32, progress func(rows int)) ([]*Histories, error) {
	f, timeline, err := b.newFilling(table, partitions, source)
	if err != nil {
		return nil, err
	}
	done := 0 // rows
	for m := range timeline.Moments() {
		if m.Label {
			f.tell(m)
			continue
		}
		if done%65536 == 0 {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			progress(done)
		}
		done++
		if err := f.happen(m.Row); err != nil {
			return nil, err
		}
	}
	progress(done)
	return f.histories, nil
}

// filling is one backfill.
type filling struct {
	table      feature.Table
	texts      *record.Texts
	stages     []*feature.Stage
	histories  []*Histories // of each stage
	partitions int32
	source     func(key []byte) int32

	id, key       int // columns
	idIsText      bool
	keyIsText     bool
	positivesOnly bool // labels: delayed counts no others

	row    []float64 // the one at hand
	values []float64 // its features
	digits []byte    // its key
}

func (b *Bundle) newFilling(table feature.Table, partitions int32, source func(key []byte) int32) (*filling, *feature.Timeline, error) {
	d := b.Definition
	program, schema, err := b.compile()
	if err != nil {
		return nil, nil, err
	}
	stages := program.Stages()
	if len(stages) == 0 {
		return nil, nil, errors.New("no feature has a history")
	}
	timeline, err := program.Timeline(table)
	if err != nil {
		return nil, nil, err
	}
	fields := schema.Fields()
	f := &filling{
		table: table, texts: table.Texts, stages: stages, partitions: partitions, source: source,
		positivesOnly: d.Labels == pipeline.Delayed, row: make([]float64, len(fields)), values: make([]float64, program.Width()),
	}
	if f.texts == nil {
		f.texts = &record.Texts{}
	}
	f.id, _ = schema.Index(d.ID)
	f.key, _ = schema.Index(d.Key)
	f.idIsText, f.keyIsText = fields[f.id].Kind == record.Text, fields[f.key].Kind == record.Text
	for _, s := range stages {
		f.histories = append(f.histories, NewHistories(s))
	}
	return f, timeline, nil
}

// happen makes a row history in every stage.
func (f *filling) happen(row int) error {
	f.read(row)
	clear(f.values)
	for stage, h := range f.histories {
		if !h.Of(f.partition(stage)).Update(f.row, f.texts, feature.Unknown, f.values) {
			return fmt.Errorf("row %d: %w", row, feature.ErrUnusable)
		}
	}
	return nil
}

// tell gives a row's label to the stages that look at labels, where the row is.
func (f *filling) tell(label feature.Moment) {
	positive := f.table.Labels[label.Row] == feature.Positive
	if f.positivesOnly && !positive {
		return
	}
	f.read(label.Row)
	id := uint64(int64(f.row[f.id]))
	if f.idIsText {
		id = feature.TextID(f.texts.At(f.row[f.id]))
	}
	for stage, h := range f.histories {
		if h.stage.LooksAtLabels() {
			h.Of(f.partition(stage)).LearnByID(id, positive, int64(label.At*1000))
		}
	}
}

func (f *filling) read(row int) {
	for c := range f.row {
		f.row[c] = f.table.Columns[c][row]
	}
}

// partition is that of the row at hand in a stage.
func (f *filling) partition(stage int) int32 {
	switch {
	case stage > 0:
		return f.stages[stage].Partition(f.row, f.texts, f.partitions)
	case f.keyIsText:
		return f.source(f.texts.At(f.row[f.key]))
	}
	f.digits = strconv.AppendInt(f.digits[:0], int64(f.row[f.key]), 10)
	return f.source(f.digits)
}
