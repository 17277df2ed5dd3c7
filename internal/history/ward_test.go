package history

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
	"temporal-streaming/internal/stream"
)

const counting = `name: counting
schema:
  - {name: id, type: int}
  - {name: at, type: time}
  - {name: card, type: int}
  - {name: amount, type: decimal(2)}
  - {name: bad, type: int}
id: id
key: card
event_time: {column: at}
label: {column: bad, positive: 1, delay: 1d}
labels: delayed
source: {topic: in}
features:
  - {name: "n_<window>", aggregate: count, key: card, over: [%s]}
decision: {positive: a, negative: b}
sink: {topic: out}
`

// processor knows histories, and nothing else.
type processor struct{ h *score.Histories }

func (p *processor) Process([]record.Message, *score.Output) {}
func (p *processor) Histories() *score.Histories             { return p.h }

func stageOver(t testing.TB, over string) *feature.Stage {
	t.Helper()
	d, err := pipeline.Parse("counting.yaml", fmt.Appendf(nil, counting, over))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := feature.Schema(d.StreamSchema())
	if err != nil {
		t.Fatal(err)
	}
	program, err := feature.NewProgram(feature.SpecOf(d), schema)
	if err != nil {
		t.Fatal(err)
	}
	return program.Stages()[0]
}

// ward is one owner's book and processor, and a clock.
type ward struct {
	*Book
	p   *processor
	log bytes.Buffer
	t   testing.TB
	now time.Time
	n   map[int32]int64
}

func newWard(t testing.TB, store artifact.Store, over string) *ward {
	w := &ward{t: t, p: &processor{score.NewHistories(stageOver(t, over))}, now: time.Unix(1e9, 0), n: map[int32]int64{}}
	w.Book = &Book{
		Store: store, Pipeline: "counting", Topic: "in", Every: time.Minute, Folder: t.TempDir(),
		Logger: slog.New(slog.NewTextHandler(&w.log, nil)), Now: func() time.Time { return w.now },
	}
	return w
}

// live lets so many records of a partition become history.
func (w *ward) live(partition int32, n int) {
	columns := 5 // in whatever order: they are found by the stage
	for range n {
		rows := record.Rows{}
		row := rows.Extend(columns)
		k := w.n[partition]
		for c := range row {
			row[c] = float64(1000 + k%17)
		}
		w.p.h.Of(partition).Update(row, &rows.Texts, feature.Unknown, make([]float64, 1))
		w.n[partition]++
	}
}

// pass lets time pass, and turns come, until nothing is left to do.
func (w *ward) pass(committed bool) {
	w.now = w.now.Add(time.Hour)
	for range 50 {
		var partitions []int32
		var at []int64
		for p, n := range w.n {
			partitions, at = append(partitions, p), append(at, n)
		}
		w.Turn(w.p, partitions, at)
		if committed {
			w.Committed(partitions, at)
		}
		if w.upload != nil {
			err := <-w.upload
			w.upload <- err
		}
		w.now = w.now.Add(time.Second)
	}
}

func (w *ward) load(wants ...stream.Want) ([]stream.Want, error) {
	w.t.Helper()
	return wants, w.Load(context.Background(), w.p, wants)
}

func (w *ward) mustLoad(want stream.Want) int64 {
	w.t.Helper()
	wants, err := w.load(want)
	if err != nil {
		w.t.Fatal(err)
	}
	w.n[want.Partition] = wants[0].At
	return wants[0].At
}

func (w *ward) bytes(partition int32) []byte {
	w.t.Helper()
	var b bytes.Buffer
	if err := w.p.h.Of(partition).Snapshot(&b); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

func (w *ward) list(partition int32) list {
	w.t.Helper()
	l, err := w.shelf().read(context.Background(), partition)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}
