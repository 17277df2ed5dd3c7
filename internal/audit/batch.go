package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
)

// mostRows bounds what is held in memory to be computed as training does it.
const mostRows = 20_000_000

// batch collects the source's records as a table, as training has them.
type batch struct {
	bundle  *score.Bundle
	decoder *record.Decoder
	schema  *record.Schema
	rows    record.Rows
	at      []coordinates
	why     string // it is given up
}

func newBatch(b *score.Bundle) (*batch, error) {
	schema, err := feature.Schema(b.Definition.StreamSchema())
	if err != nil {
		return nil, err
	}
	return &batch{bundle: b, schema: schema, decoder: record.NewDecoder(schema, record.Limits{})}, nil
}

// take adds the rows of a message that the stream has taken.
func (b *batch) take(m *record.Message) {
	if b.why != "" {
		return
	}
	n, err := b.decoder.Decode(m.Value, &b.rows)
	if err != nil {
		b.why = fmt.Sprintf("partition %d offset %d is read by the stream and not here: %v", m.Partition, m.Offset, err)
		return
	}
	for row := range n {
		b.at = append(b.at, coordinates{m.Partition, int32(row), m.Offset})
	}
	if len(b.at) > mostRows {
		b.why, b.rows, b.at = fmt.Sprintf("the log has more than %d rows", mostRows), record.Rows{}, nil
	}
}

// known is what was told of a record.
type known struct {
	positive bool
	at       float64 // unix seconds
}

// compareBatch computes the features of all rows in the order of their events, and compares those that are sampled.
func (r *run) compareBatch(ctx context.Context) error {
	b := r.batch
	for partition, at := range r.unknown {
		b.why = fmt.Sprintf("partition %d of the source begins at offset %d with what was known before, which is not in the log", partition, at)
	}
	if why := b.skipped(); why != "" {
		r.report.EventOrder.Skipped = why
		return nil
	}
	order := make([]int, len(b.at))
	for i := range order {
		order[i] = i
	}
	id, identified := b.schema.Index(b.bundle.Definition.ID)
	if identified && b.schema.Fields()[id].Kind != record.Text {
		// Rows of one time are in the order of their ids in the data that training reads.
		slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(b.rows.Row(i)[id], b.rows.Row(j)[id]) })
	}
	labels, err := r.labels(ctx, b, id)
	if err != nil {
		return err
	}
	table := feature.Table{Columns: make([][]float64, b.rows.Width), Texts: &b.rows.Texts}
	for c := range table.Columns {
		table.Columns[c] = make([]float64, len(order))
		for k, i := range order {
			table.Columns[c][k] = b.rows.Row(i)[c]
		}
	}
	if labels != nil {
		b.label(&table, order, id, labels)
	}
	r.Progress("Compute as training does", 0)
	program, err := feature.ProgramOf(b.bundle.Definition)
	if err != nil {
		return err
	}
	replayed, err := program.Replay(table, feature.ReplayOptions{Workers: runtime.GOMAXPROCS(0)})
	if errors.Is(err, feature.ErrUnusable) {
		r.report.EventOrder.Skipped = err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	width := program.Width()
	x := make([]float32, width)
	for k, i := range order {
		was := r.said[b.at[i]]
		if was == nil || !was.ours {
			continue
		}
		feature.Round(replayed.X[k*width:(k+1)*width], x)
		r.report.EventOrder.Compared++
		if fmt.Sprintf("%016x", feature.Fingerprint(x)) != was.features {
			r.report.EventOrder.Different++
		}
	}
	r.Progress("Compute as training does", int64(len(order)))
	return nil
}

// skipped tells why nothing can be computed as training does it; empty if it can.
func (b *batch) skipped() string {
	if b.why == "" && len(b.at) == 0 {
		return "the source has no records"
	}
	return b.why
}

// labels reads what was told, by the records' ids; nil where no feature looks at labels.
func (r *run) labels(ctx context.Context, b *batch, id int) (map[uint64]known, error) {
	if !b.bundle.Definition.LooksAtLabels() {
		return nil, nil
	}
	engine, err := b.bundle.NewLabelEngine(nil)
	if err != nil {
		return nil, err
	}
	told := map[uint64]known{}
	err = r.each(ctx, r.Topics.Labels, "Read labels", func(m record.Message) error {
		engine.Each(&m, func(id uint64, positive bool, knownAt int64) {
			if _, twice := told[id]; !twice { // the first counts, as on the stream
				told[id] = known{positive, float64(knownAt) / 1000}
			}
		})
		return nil
	})
	return told, err
}

// label gives the table's rows what was told of them.
func (b *batch) label(t *feature.Table, order []int, id int, told map[uint64]known) {
	arriving := b.bundle.Definition.Labels == pipeline.AsTheyArrive
	t.Labels = make([]feature.Label, len(order))
	if arriving {
		t.KnownAt = make([]float64, len(order))
	}
	isText := b.schema.Fields()[id].Kind == record.Text
	for k, i := range order {
		v := b.rows.Row(i)[id]
		word := uint64(int64(v))
		if isText {
			word = feature.TextID(b.rows.Texts.At(v))
		}
		l, known := told[word]
		switch {
		case known && l.positive:
			t.Labels[k] = feature.Positive
		case known || !arriving: // with a delay, what was never told is no positive
			t.Labels[k] = feature.Negative
		}
		if arriving {
			t.KnownAt[k] = l.at
		}
	}
}
