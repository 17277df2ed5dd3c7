package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model/modeltest"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
	"temporal-streaming/pipelines"
)

// bundleOf is a shipped pipeline with random weights.
func bundleOf(t testing.TB, name string) *score.Bundle {
	t.Helper()
	d, err := pipelines.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	onnx, err := modeltest.Random(d.FeatureNames(), 1, 0.2, 8).ONNX()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := feature.SpecOf(d).JSON()
	if err != nil {
		t.Fatal(err)
	}
	file := func(b []byte) score.File {
		sum := sha256.Sum256(b)
		return score.File{Data: b, SHA256: hex.EncodeToString(sum[:])}
	}
	b, err := score.Open(score.BundleFiles{Name: name, Version: "7", ONNX: file(onnx), Definition: file(d.YAML()), Spec: file(spec)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tableOf are random rows of a pipeline: few keys, so that they come again.
func tableOf(t testing.TB, b *score.Bundle, n int) feature.Table {
	t.Helper()
	r := rand.New(rand.NewPCG(9, uint64(n)))
	d := b.Definition
	table := feature.Table{Texts: &record.Texts{}}
	var times []float64
	for _, c := range d.StreamSchema() {
		column := make([]float64, n)
		for i := range column {
			switch {
			case c.Name == d.EventTime.Column:
				column[i] = float64(1_530_000_000 + i*600 + r.IntN(2000))
				times = append(times, column[i])
			case c.Type == pipeline.Time:
				column[i] = float64(1_530_000_000 + i*600 + r.IntN(9000))
			case c.Name == d.ID && c.Type == pipeline.Text:
				column[i] = table.Texts.Add(fmt.Append(nil, "row ", i))
			case c.Name == d.ID:
				column[i] = float64(i)
			case c.Type == pipeline.Text:
				column[i] = table.Texts.Add(fmt.Append(nil, c.Name, r.IntN(9)))
			case c.Type == pipeline.Bool:
				column[i] = float64(r.IntN(2))
			default:
				column[i] = float64(1 + r.IntN(25))
			}
		}
		table.Columns = append(table.Columns, column)
	}
	for i := range n {
		table.Labels = append(table.Labels, feature.Label(r.IntN(3)))
		if d.Labels == pipeline.AsTheyArrive {
			table.KnownAt = append(table.KnownAt, times[i]+float64(r.IntN(200_000)))
		}
	}
	return table
}

func TestRehearsalGivesTheBitsOfTraining(t *testing.T) {
	for _, name := range pipelines.Names() {
		b := bundleOf(t, name)
		if !b.Stateful() {
			if _, err := Rehearse(context.Background(), b, feature.Table{}, 10); !errors.Is(err, ErrStateless) {
				t.Errorf("%s: %v, want ErrStateless", name, err)
			}
			continue
		}
		r, err := Rehearse(context.Background(), b, tableOf(t, b, 3000), 2500)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !r.Passed() || r.Rows != 2500 || r.Labels == 0 || r.Handed < r.Rows {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// A text that a message may not have is a dead letter of the stream, and training takes it: the rehearsal names the row of the data set.
func TestARehearsalNamesTheRowThatTheStreamRefuses(t *testing.T) {
	b := bundleOf(t, "flights")
	table := tableOf(t, b, 300)
	column := slices.IndexFunc(b.Definition.StreamSchema(), func(c pipeline.Column) bool { return c.Type == pipeline.Text && c.Name != b.Definition.ID })
	table.Columns[column][123] = table.Texts.Add(bytes.Repeat([]byte("x"), 2000))
	r, err := Rehearse(t.Context(), b, table, 300)
	if err != nil {
		t.Fatal(err)
	}
	if r.Passed() || r.Missing != 1 || len(r.Differences) == 0 || r.Differences[0].What != "dead letter" || r.Differences[0].Record != "row 123" {
		t.Errorf("%+v", r)
	}
}

// Histories that were filled from the first half of a table are those of a stream that has read it: the second half is scored with the
// bits of training, whichever way labels come to be known.
func TestAStreamGoesOnFromABackfillWithTheBitsOfTraining(t *testing.T) {
	for _, name := range pipelines.Names() {
		b := bundleOf(t, name)
		if !b.Stateful() {
			continue
		}
		table := tableOf(t, b, 3000)
		program, err := feature.ProgramOf(b.Definition)
		if err != nil {
			t.Fatal(err)
		}
		moments := momentsOf(t, program, table)
		rows, err := program.Timeline(table)
		if err != nil {
			t.Fatal(err)
		}
		half := table.Pick(rows.Rows(1500))
		stream, err := newMemoryStream(b, table, nil)
		if err != nil {
			t.Fatal(err)
		}
		key, _ := stream.schema.Index(b.Definition.Key)
		histories, err := b.Backfill(t.Context(), half, memoryPartitions, func(word []byte) int32 {
			if stream.schema.Fields()[key].Kind == record.Text {
				return int32(feature.TextID(word) % memoryPartitions)
			}
			number, _ := strconv.ParseInt(string(word), 10, 64)
			return int32(uint64(number) % memoryPartitions)
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for stage, h := range histories {
			for p := range int32(memoryPartitions) {
				stream.stages[stage].Histories().Set(p, h.Of(p))
			}
		}
		for _, m := range moments[len(momentsOf(t, program, half)):] {
			if err := stream.send(m); err != nil {
				t.Fatal(err)
			}
		}
		want, err := trained(b, program, table)
		if err != nil {
			t.Fatal(err)
		}
		different := 0
		for row, got := range stream.said {
			if got.features != want[row].features || got.probability != want[row].probability {
				different++
			}
		}
		if len(stream.said) != 1500 || different > 0 {
			t.Errorf("%s: %d of %d predictions differ", name, different, len(stream.said))
		}
	}
}

func momentsOf(t *testing.T, p *feature.Program, table feature.Table) []feature.Moment {
	t.Helper()
	line, err := p.Timeline(table)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(line.Moments())
}
