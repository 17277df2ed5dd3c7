package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"time"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
)

// Rehearsal is what Rehearse has found: an artifact of the training run.
type Rehearsal struct {
	Model     string `json:"model"`
	Version   string `json:"model_version"`
	Rows      int64  `json:"rows"`      // that were streamed
	Different int64  `json:"different"` // of those, in a feature or the probability
	Missing   int64  `json:"missing"`   // rows without a prediction

	Stages      int          `json:"stages"`
	Handed      int64        `json:"handed_on"` // messages between stages
	Labels      int64        `json:"labels"`
	Differences []Difference `json:"differences,omitempty"` // the first few
}

// Passed tells whether the stream is training's equal.
func (r Rehearsal) Passed() bool { return r.Rows > 0 && r.Different == 0 && r.Missing == 0 }

// rehearsedPartitions is how many partitions the topics in memory have: enough for keys to part.
const rehearsedPartitions = 3

// Rehearse streams the first rows of a table, most at most, in memory: messages, stages, labels and all, by the engines that a
// worker runs, less Kafka. It compares each prediction with what training computes of the same rows, bit for bit.
func Rehearse(ctx context.Context, bundle *score.Bundle, table feature.Table, most int) (Rehearsal, error) {
	r, err := rehearse(ctx, bundle, table, most)
	if err != nil {
		return Rehearsal{}, fmt.Errorf("rehearse the stream of %s@%s: %w", bundle.Name, bundle.Version, err)
	}
	return r, nil
}

func rehearse(ctx context.Context, bundle *score.Bundle, table feature.Table, most int) (Rehearsal, error) {
	if !bundle.Stateful() {
		return Rehearsal{}, ErrStateless
	}
	h, err := newHouse(bundle, table)
	if err != nil {
		return Rehearsal{}, err
	}
	program, err := feature.ProgramOf(bundle.Definition)
	if err != nil {
		return Rehearsal{}, err
	}
	events := h.events(most)
	want, rows, err := h.wanted(program, events)
	if err != nil {
		return Rehearsal{}, err
	}
	for i, e := range events {
		if i%1024 == 0 && ctx.Err() != nil {
			return Rehearsal{}, ctx.Err()
		}
		if err := h.play(e); err != nil {
			return Rehearsal{}, err
		}
	}
	out := &h.report
	out.Model, out.Version, out.Stages, out.Rows = bundle.Name, bundle.Version, len(h.stages), int64(len(rows))
	for _, row := range rows {
		got, scored := h.got[row]
		switch w := want[row]; {
		case !scored:
			out.Missing++
			h.found("missing", row, "no prediction", decimal(w.probability))
		case got.features != w.features || got.probability != w.probability:
			out.Different++
			h.found("prediction", row, "the stream: features "+got.features+", "+decimal(got.probability),
				"training: features "+w.features+", "+decimal(w.probability))
		}
	}
	return h.report, nil
}

// house is a stream in memory.
type house struct {
	bundle *score.Bundle
	table  feature.Table
	schema *record.Schema
	time   int // column
	id     int // column, -1: none
	stages []*score.StageEngine
	labels *score.LabelEngine // nil: no feature looks at labels
	toward []int              // by target of the labels: the stage that reads it
	next   [][]int64          // offsets, by stage and partition
	rows   map[coordinates]int
	got    map[int]prediction
	out    []score.Output // by stage; the last is the labels'
	report Rehearsal
}

func newHouse(bundle *score.Bundle, table feature.Table) (*house, error) {
	d := bundle.Definition
	schema, err := feature.Schema(d.StreamSchema())
	if err != nil {
		return nil, err
	}
	h := &house{bundle: bundle, table: table, schema: schema, id: -1, rows: map[coordinates]int{}, got: map[int]prediction{}}
	if len(table.Columns) != len(schema.Fields()) {
		return nil, fmt.Errorf("the table has %d columns, and the stream's schema %d", len(table.Columns), len(schema.Fields()))
	}
	h.time, _ = schema.Index(d.EventTime.Column)
	if i, ok := schema.Index(d.ID); ok {
		h.id = i
	}
	planned := d.Stages()
	options := func(i int) score.StageOptions {
		o := score.StageOptions{EngineOptions: score.EngineOptions{Topic: d.Source.Topic, Now: func() time.Time { return time.Unix(0, 0) }, MaxBatch: 64}}
		if i+1 < len(planned) {
			o.Next = score.Target{Topic: planned[i+1].Topic, Partitions: rehearsedPartitions}
		}
		return o
	}
	var targets []score.Target
	for i, stage := range planned {
		engine, err := bundle.NewStageEngine(i, options(i))
		if err != nil {
			return nil, err
		}
		h.stages = append(h.stages, engine)
		if stage.Labels {
			targets, h.toward = append(targets, score.Target{Topic: stage.Topic, Partitions: rehearsedPartitions}), append(h.toward, i)
		}
	}
	h.next, h.out = make([][]int64, len(planned)), make([]score.Output, len(planned)+1)
	for i := range h.next {
		h.next[i] = make([]int64, rehearsedPartitions)
	}
	if d.LooksAtLabels() {
		h.labels, err = bundle.NewLabelEngine(targets)
	}
	return h, err
}

// event is a row, or its label.
type event struct {
	row   int
	label bool
	at    float64 // unix seconds
}

// events are the first rows in the order of their times, and between them the labels that are known by then: at one time a label
// comes first, as training has it.
func (h *house) events(most int) []event {
	times := h.table.Columns[h.time]
	order := make([]event, len(times))
	for i, at := range times {
		order[i] = event{row: i, at: at}
	}
	sortEvents(order)
	order = order[:min(len(order), most)]
	if h.labels == nil || h.table.Labels == nil || h.id < 0 || len(order) == 0 {
		return order
	}
	merged := make([]event, 0, 2*len(order))
	if h.bundle.Definition.Labels != pipeline.AsTheyArrive || h.table.KnownAt == nil {
		for _, e := range order { // with a delay a label may come at any time before it is over
			merged = append(merged, e)
			if h.table.Labels[e.row] != feature.Unknown {
				merged = append(merged, event{row: e.row, label: true, at: e.at})
			}
		}
		return merged
	}
	var labels []event
	for _, e := range order {
		if h.table.Labels[e.row] != feature.Unknown {
			labels = append(labels, event{row: e.row, label: true, at: max(h.table.KnownAt[e.row], e.at)})
		}
	}
	sortEvents(labels)
	sent := map[int]bool{}
	for _, e := range order {
		for len(labels) > 0 && labels[0].at <= e.at && sent[labels[0].row] {
			merged, labels = append(merged, labels[0]), labels[1:]
		}
		merged, sent[e.row] = append(merged, e), true
	}
	return merged
}

// wanted is what training computes of the rows among events.
func (h *house) wanted(program *feature.Program, events []event) (map[int]prediction, []int, error) {
	var rows []int
	for _, e := range events {
		if !e.label {
			rows = append(rows, e.row)
		}
	}
	part := feature.Table{Texts: h.table.Texts}
	pick := func(from []float64) []float64 {
		if from == nil {
			return nil
		}
		to := make([]float64, len(rows))
		for k, row := range rows {
			to[k] = from[row]
		}
		return to
	}
	for _, c := range h.table.Columns {
		part.Columns = append(part.Columns, pick(c))
	}
	if part.KnownAt = pick(h.table.KnownAt); h.table.Labels != nil {
		for _, row := range rows {
			part.Labels = append(part.Labels, h.table.Labels[row])
		}
	}
	replayed, err := program.Replay(part, feature.ReplayOptions{Workers: runtime.GOMAXPROCS(0)})
	if err != nil {
		return nil, nil, err
	}
	width := program.Width()
	x, p := make([]float32, width), make([]float32, 1)
	scorer := model.NewScorer(h.bundle.Model, 1)
	want := map[int]prediction{}
	for k, row := range rows {
		feature.Round(replayed.X[k*width:(k+1)*width], x)
		scorer.Score(x, 1, p)
		want[row] = prediction{features: fmt.Sprintf("%016x", feature.Fingerprint(x)), probability: p[0]}
	}
	return want, rows, nil
}

// play lets one event go all its way.
func (h *house) play(e event) error {
	if e.label {
		value, err := h.labelMessage(e)
		if err != nil {
			return err
		}
		h.report.Labels++
		out := &h.out[len(h.stages)]
		h.labels.Process([]record.Message{{Timestamp: int64(e.at * 1000), Value: value}}, out)
		for i := range out.Results {
			if result := &out.Results[i]; result.Kind == score.KindForward {
				if err := h.hand(h.toward[result.To], result.Partition, out.Value(i)); err != nil {
					return err
				}
			} else if result.Kind == score.KindDeadLetter {
				return fmt.Errorf("the label of row %d is refused: %s", e.row, result.Detail)
			}
		}
		return nil
	}
	value, err := h.message(e.row)
	if err != nil {
		return err
	}
	partition := int32(e.row % rehearsedPartitions)
	if key, ok := h.schema.Index(h.bundle.Definition.Key); ok {
		partition = h.byKey(h.table.Columns[key][e.row], h.schema.Fields()[key].Kind)
	}
	at := coordinates{partition: partition, offset: h.next[0][partition]}
	h.next[0][partition]++
	h.rows[at] = e.row
	return h.process(0, record.Message{Partition: partition, Offset: at.offset, Timestamp: int64(e.at * 1000), Value: value})
}

// byKey keeps a key's rows in one partition.
func (h *house) byKey(v float64, kind record.Kind) int32 {
	word := uint64(int64(v))
	if kind == record.Text {
		word = feature.TextID(h.table.Texts.At(v))
	}
	return int32(word % rehearsedPartitions)
}

// hand puts a message into a stage's topic, and has it read.
func (h *house) hand(stage int, partition int32, value []byte) error {
	h.report.Handed++
	offset := h.next[stage][partition]
	h.next[stage][partition]++
	return h.process(stage, record.Message{Partition: partition, Offset: offset, Value: value})
}

func (h *house) process(stage int, m record.Message) error {
	out := &h.out[stage]
	h.stages[stage].Process([]record.Message{m}, out)
	for i := range out.Results {
		switch result := &out.Results[i]; result.Kind {
		case score.KindForward:
			if err := h.hand(stage+1, result.Partition, out.Value(i)); err != nil {
				return err
			}
		case score.KindPrediction:
			p, err := score.DecodePrediction(out.Value(i))
			if err != nil {
				return err
			}
			h.got[h.rows[coordinates{p.Partition, int32(p.Row), p.Offset}]] = prediction{features: p.Features, probability: p.Probability}
		case score.KindDeadLetter:
			h.found("dead letter", -1, string(result.Reason), result.Detail)
		}
	}
	return nil
}

func (h *house) found(what string, row int, was, is string) {
	if len(h.report.Differences) < fewDifferences {
		h.report.Differences = append(h.report.Differences, Difference{what, fmt.Sprint("row ", row), was, is})
	}
}

// message is a row as a sender writes it.
func (h *house) message(row int) ([]byte, error) {
	b := []byte{'{'}
	for c, f := range h.schema.Fields() {
		if c > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = h.cell(b, f.Name, f.Kind, h.table.Columns[c][row]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func (h *house) cell(b []byte, name string, kind record.Kind, v float64) ([]byte, error) {
	quoted, err := json.Marshal(name)
	if err != nil {
		return nil, err
	}
	b = append(append(b, quoted...), ':')
	if kind != record.Text {
		return strconv.AppendFloat(b, v, 'g', -1, 64), nil
	}
	text, err := json.Marshal(string(h.table.Texts.At(v)))
	return append(b, text...), err
}

func (h *house) labelMessage(e event) ([]byte, error) {
	d := h.bundle.Definition
	b, err := h.cell([]byte{'{'}, d.ID, h.schema.Fields()[h.id].Kind, h.table.Columns[h.id][e.row])
	if err != nil {
		return nil, err
	}
	value := d.Label.Positive
	if h.table.Labels[e.row] != feature.Positive {
		value = 1 - d.Label.Positive
	}
	if b, err = h.cell(append(b, ','), d.Label.Column, record.Float, value); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func sortEvents(events []event) {
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
}
