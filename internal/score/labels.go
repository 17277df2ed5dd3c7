package score

import (
	"errors"
	"fmt"
	"math"
	"time"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// LabelEngine reads the topic of labels and tells every stage that looks at labels of each. It knows neither records nor their
// keys: so every partition of such a stage hears of it, and the one that has the record takes it. It has no state.
//
// A message is a JSON object with the id and the label of a record under the names of their columns and, if it says so, when the
// label was known: under label.known_at of the pipeline, or else as known_at. Without that it is the message's timestamp.
type LabelEngine struct {
	timed, plain  *record.Decoder
	idIsText      bool
	positive      float64
	positivesOnly bool // labels: delayed counts no others
	targets       []Target
	writes        forwarder
	rows          record.Rows
}

// NewLabelEngine prepares the engine of the labels stage. Targets are the topics of the stages that look at labels.
func (b *Bundle) NewLabelEngine(targets []Target) (*LabelEngine, error) {
	e, err := b.newLabelEngine(targets)
	if err != nil {
		return nil, fmt.Errorf("make engine of the labels of %s@%s: %w", b.Name, b.Version, err)
	}
	return e, nil
}

func (b *Bundle) newLabelEngine(targets []Target) (*LabelEngine, error) {
	d := b.Definition
	if !d.LooksAtLabels() {
		return nil, fmt.Errorf("%w: no feature looks at labels", ErrStage)
	}
	digest, err := digestOf(b)
	if err != nil {
		return nil, err
	}
	columns := make([]pipeline.Column, 0, 3)
	for _, name := range []string{d.ID, d.Label.Column} {
		for _, c := range d.Schema {
			if c.Name == name {
				columns = append(columns, c)
			}
		}
	}
	if len(columns) != 2 {
		return nil, fmt.Errorf("the pipeline names no column `id` that labels could say which record they are of")
	}
	known := d.Label.KnownAt
	if known == "" {
		known = DefaultKnownAt
	}
	plain, err := feature.Schema(columns)
	if err != nil {
		return nil, err
	}
	timed, err := feature.Schema(append(columns, pipeline.Column{Name: known, Type: pipeline.Time}))
	if err != nil {
		return nil, err
	}
	return &LabelEngine{
		timed: record.NewDecoder(timed, record.Limits{}), plain: record.NewDecoder(plain, record.Limits{}),
		idIsText: columns[0].Type == pipeline.Text, positive: d.Label.Positive, positivesOnly: d.Labels == pipeline.Delayed,
		targets: targets, writes: forwarder{digest: digest},
	}, nil
}

// DefaultKnownAt is where a label says when it was known, if the pipeline names no column.
const DefaultKnownAt = "known_at"

// Process makes the results of a batch of labels. out is reset first.
func (e *LabelEngine) Process(in []record.Message, out *Output) {
	out.Reset()
	for i := range in {
		e.process(i, &in[i], out)
	}
}

func (e *LabelEngine) process(i int, m *record.Message, out *Output) {
	n, hasTime, err := e.decode(m.Value)
	if err != nil {
		reject, _ := errors.AsType[*record.Reject](err)
		out.refuse(i, m, reject)
		return
	}
	told := false
	for row := range n {
		l := e.label(row, hasTime, m)
		if e.positivesOnly && !l.positive {
			continue
		}
		from := len(out.arena)
		out.arena = e.writes.label(out.arena, l)
		for to, target := range e.targets {
			for p := range target.Partitions {
				told = true
				out.Results = append(out.Results, Result{
					Input: i, Kind: KindForward, To: to, Partition: p, key: span{-1, -1}, value: span{from, len(out.arena)},
				})
			}
		}
	}
	if !told {
		out.Results = append(out.Results, Result{Input: i, Kind: KindNothing})
	}
}

// label is what a row says.
func (e *LabelEngine) label(row int, hasTime bool, m *record.Message) label {
	r := e.rows.Row(row)
	l := label{id: uint64(int64(r[0])), positive: r[1] == e.positive, knownAt: max(0, m.Timestamp)}
	if e.idIsText {
		l.id = feature.TextID(e.rows.Texts.At(r[0]))
	}
	if hasTime {
		l.knownAt = int64(math.Round(r[2] * float64(time.Second/time.Millisecond)))
	}
	return l
}

// Each calls visit with every label of a message: of the record with this id (see feature.TextID), known at a time in unix
// milliseconds. A message that is none has no labels.
func (e *LabelEngine) Each(m *record.Message, visit func(id uint64, positive bool, knownAt int64)) {
	n, hasTime, err := e.decode(m.Value)
	if err != nil {
		return
	}
	for row := range n {
		l := e.label(row, hasTime, m)
		visit(l.id, l.positive, l.knownAt)
	}
}

// decode reads a message with the time at which its labels were known, or else without.
func (e *LabelEngine) decode(value []byte) (n int, hasTime bool, err error) {
	e.rows.Reset()
	if n, err = e.timed.Decode(value, &e.rows); err == nil {
		return n, true, nil
	}
	if reject, ok := errors.AsType[*record.Reject](err); !ok || reject.Reason != record.MissingColumn {
		return 0, false, err
	}
	n, err = e.plain.Decode(value, &e.rows)
	return n, false, err
}
