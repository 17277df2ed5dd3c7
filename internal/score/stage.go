package score

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/record"
)

// Unusable is the reason of a dead letter whose message is well formed, but cannot become history: its event time is not between
// the years 1 and 9999, or a value is beyond what is counted exactly.
const Unusable record.Reason = "unusable"

// Target is a topic that an engine hands records on to.
type Target struct {
	Topic      string
	Partitions int32
}

// StageOptions are a stage engine's settings.
type StageOptions struct {
	EngineOptions
	Next Target // of the stage after this one; the last stage has none
}

// StageEngine runs one stage of a bundle whose features have state: it makes each record history, and hands it on with the
// features so far or, in the last stage, scores it. Stage 0 reads the source's messages, every other one what the stage before
// has handed on, and the labels.
//
// What a record comes to depends on the records of its partition before it and on nothing else: see Histories. So after an
// error the histories must be loaded anew before Process is called again.
type StageEngine struct {
	decoder   *record.Decoder // stage 0
	reads     forwarder       // later stages
	writes    forwarder       // all but the last
	program   *feature.Program
	stage     *feature.Stage
	next      *feature.Stage // nil: this is the last
	to        Target
	scorer    scorer
	encoder   encoder
	maxBatch  int
	now       func() time.Time
	histories *Histories
	idColumn  int // -1: none
	idIsText  bool

	rows     record.Rows
	values   []float64 // [rows, features] row-major
	usable   []bool
	pending  []waiting
	settled  int   // rows before this one are history
	on       int32 // the partition of those that are not
	absorbed bool  // nothing is to come of these records but history

	vectors       []float32
	prints        []uint64
	probabilities []float32
	unscorable    []bool
	id            []byte
}

// waiting is a message whose rows, if it has any, are not handled yet.
type waiting struct {
	input  int
	first  int // its rows are rows[first : first+n]
	n      int // 0: refused, or a label
	origin origin
	reject *record.Reject
}

// ErrStage is returned for a stage that a bundle does not have.
var ErrStage = errors.New("no such stage")

// Stages is how many stages the bundle's features take; 0 where none looks at history.
func (b *Bundle) Stages() (int, error) {
	program, err := b.program()
	if err != nil {
		return 0, err
	}
	return len(program.Stages()), nil
}

// Stateful tells whether the features need more than one record's columns, so that a StageEngine scores and not an Engine.
func (b *Bundle) Stateful() bool { return b.Spec.Format >= feature.FormatStateful }

func (b *Bundle) program() (*feature.Program, error) {
	schema, err := feature.Schema(b.Definition.StreamSchema())
	if err != nil {
		return nil, err
	}
	return feature.NewProgram(b.Spec, schema)
}

// NewStageEngine prepares one stage for one loop.
func (b *Bundle) NewStageEngine(stage int, options StageOptions) (*StageEngine, error) {
	e, err := b.newStageEngine(stage, options)
	if err != nil {
		return nil, fmt.Errorf("make engine of stage %d of %s@%s: %w", stage, b.Name, b.Version, err)
	}
	return e, nil
}

func (b *Bundle) newStageEngine(number int, options StageOptions) (*StageEngine, error) {
	o := options.withDefaults(b)
	schema, err := feature.Schema(b.Definition.StreamSchema())
	if err != nil {
		return nil, err
	}
	program, err := feature.NewProgram(b.Spec, schema)
	if err != nil {
		return nil, err
	}
	digest, err := digestOf(b)
	if err != nil {
		return nil, err
	}
	stages := program.Stages()
	if b.Definition.LooksAtLabels() {
		if err := program.IdentifyBy(schema, b.Definition.ID); err != nil {
			return nil, err
		}
	}
	if number < 0 || number >= max(1, len(stages)) {
		return nil, fmt.Errorf("%w: there are %d", ErrStage, max(1, len(stages)))
	}
	e := &StageEngine{
		program: program, maxBatch: o.MaxBatch, now: o.Now, encoder: newEncoder(b, o.Topic), idColumn: -1, on: -1,
		histories: NewHistories(nil),
	}
	e.encoder.stateful = true
	e.reads.digest, e.writes.digest = digest, digest
	for _, f := range schema.Fields() {
		e.reads.texts = append(e.reads.texts, f.Kind == record.Text)
	}
	e.writes.texts = e.reads.texts
	if number == 0 {
		e.decoder = record.NewDecoder(schema, o.Limits)
	}
	for i, s := range stages {
		if i < number {
			e.reads.inputs = append(e.reads.inputs, s.Inputs()...)
		}
		if i <= number {
			e.writes.inputs = append(e.writes.inputs, s.Inputs()...)
		}
	}
	if len(stages) > 0 {
		e.stage = stages[number]
		e.histories.stage = e.stage
	}
	if c, ok := schema.Index(b.Definition.ID); ok {
		e.idColumn, e.idIsText = c, schema.Fields()[c].Kind == record.Text
	}
	if number+1 < len(stages) {
		if e.next, e.to = stages[number+1], options.Next; e.to.Topic == "" || e.to.Partitions <= 0 {
			return nil, fmt.Errorf("no topic of the next stage given")
		}
		return e, nil
	}
	e.scorer = model.NewScorer(b.Model, o.MaxBatch)
	e.vectors = make([]float32, o.MaxBatch*program.Width())
	e.probabilities = make([]float32, o.MaxBatch)
	return e, nil
}

// Histories are what the engine knows of the records before.
func (e *StageEngine) Histories() *Histories { return e.histories }

// ErrOtherFeatures is returned when an engine is to go on from the histories of other features.
var ErrOtherFeatures = errors.New("the features differ, and so does what must be known of the records before")

// Inherit goes on from the histories of the engine before, which must be a StageEngine of the same features.
func (e *StageEngine) Inherit(before any) error {
	b, ok := before.(*StageEngine)
	if !ok || e.reads.digest != b.reads.digest || e.stage != nil && e.stage.Digest() != b.stage.Digest() {
		return ErrOtherFeatures
	}
	e.histories = b.histories
	return nil
}

// Process makes the results of a batch of messages. out is reset first.
func (e *StageEngine) Process(in []record.Message, out *Output) {
	out.Reset()
	e.handle(in, out, false)
}

// Absorb makes messages history and nothing else, as they were when they were processed.
func (e *StageEngine) Absorb(in []record.Message) { e.handle(in, nil, true) }

func (e *StageEngine) handle(in []record.Message, out *Output, absorb bool) {
	e.forget()
	e.absorbed = absorb
	if !absorb {
		e.encoder.startBatch(e.now())
	}
	for i := range in {
		if in[i].Partition != e.on {
			e.settle()
			e.on = in[i].Partition
		}
		e.take(i, &in[i])
		if e.rows.N >= e.maxBatch {
			e.flush(in, out)
		}
	}
	e.flush(in, out)
}

// take reads one message.
func (e *StageEngine) take(i int, m *record.Message) {
	w := waiting{input: i, first: e.rows.N}
	if e.decoder != nil {
		e.decode(m, &w)
	} else if kind, rest, reject := e.reads.open(m.Value); reject != nil {
		w.reject = reject
	} else if kind == forwardLabel {
		e.learn(rest, &w)
	} else {
		e.receive(rest, &w)
	}
	e.pending = append(e.pending, w)
}

// decode reads a message of the source. All of its rows become history, or none.
func (e *StageEngine) decode(m *record.Message, w *waiting) {
	if len(m.Key) > record.MaxIDBytes {
		w.reject = &record.Reject{Reason: record.TooLarge,
			Detail: fmt.Sprintf("the key has %d bytes, at most %d are allowed", len(m.Key), record.MaxIDBytes)}
		return
	}
	texts := e.rows.Texts.Len()
	n, err := e.decoder.Decode(m.Value, &e.rows)
	if err != nil {
		w.reject, _ = errors.AsType[*record.Reject](err)
		return
	}
	for row := w.first; e.stage != nil && row < w.first+n; row++ {
		if !e.stage.Usable(e.rows.Row(row)) {
			e.rows.Truncate(w.first, texts)
			w.reject = unusable(row - w.first)
			return
		}
	}
	e.room()
	w.n = n
	w.origin = origin{partition: m.Partition, offset: m.Offset, timestamp: m.Timestamp, rows: n, key: m.Key, sourceID: e.decoder.ID()}
}

// receive reads a record that the stage before has handed on.
func (e *StageEngine) receive(b []byte, w *waiting) {
	e.room()
	width := e.program.Width()
	at := len(e.values)
	e.values = slices.Grow(e.values, width)[:at+width]
	if !e.reads.readRecord(b, &w.origin, &e.rows, e.values[at:]) {
		e.values = e.values[:at]
		w.reject = &record.Reject{Reason: NotForwarded, Detail: "the record ends too early or too late"}
		return
	}
	w.n = 1
}

// learn reads a label. It counts for the records after it, so those before it become history first.
func (e *StageEngine) learn(b []byte, w *waiting) {
	l, ok := e.reads.readLabel(b)
	if !ok {
		w.reject = &record.Reject{Reason: NotForwarded, Detail: "the label ends too early or too late"}
		return
	}
	e.settle()
	e.histories.Of(e.on).LearnByID(l.id, l.positive, l.knownAt)
}

// Origin tells of which row of which message of the source a message of the stage's topic is; ok is false where it is of none, as
// a label.
func (e *StageEngine) Origin(value []byte) (partition int32, offset int64, row int, ok bool) {
	kind, rest, reject := e.reads.open(value)
	if reject != nil || kind != forwardRecord {
		return 0, 0, 0, false
	}
	in := forwardReader{b: rest}
	partition, offset = int32(in.varint()), in.varint()
	in.varint() // the timestamp
	row = int(in.varint())
	return partition, offset, row, !in.torn
}

// room makes values as long as there are rows.
func (e *StageEngine) room() {
	n := e.rows.N * e.program.Width()
	e.values = slices.Grow(e.values, max(0, n-len(e.values)))[:n]
}

// settle makes the rows history that are not.
func (e *StageEngine) settle() {
	from, to := e.settled, e.rows.N
	if from == to {
		return
	}
	width := e.program.Width()
	e.room()
	e.usable = slices.Grow(e.usable, max(0, to-len(e.usable)))[:to]
	if e.stage == nil {
		for i := from; i < to; i++ {
			e.usable[i] = true
		}
	} else {
		rows := record.Rows{Values: e.rows.Values[from*e.rows.Width : to*e.rows.Width], N: to - from, Width: e.rows.Width, Texts: e.rows.Texts}
		e.histories.Of(e.on).UpdateAll(&rows, nil, width, e.values[from*width:to*width], e.usable[from:to])
	}
	e.settled = to
}

// flush deals with all messages that wait.
func (e *StageEngine) flush(in []record.Message, out *Output) {
	e.settle()
	switch {
	case e.absorbed:
	case e.next != nil:
		e.forward(in, out)
	default:
		e.predict(in, out)
	}
	e.forget()
}

// forget lets go of the messages' memory. After a panic something is still in line.
func (e *StageEngine) forget() {
	clear(e.pending)
	e.pending = e.pending[:0]
	e.rows.Reset()
	e.values = e.values[:0]
	e.settled = 0
}

// forward hands all rows on to the next stage.
func (e *StageEngine) forward(in []record.Message, out *Output) {
	width := e.program.Width()
	for i := range e.pending {
		w := &e.pending[i]
		if w.reject == nil {
			w.reject = e.history(w)
		}
		if w.reject != nil {
			e.reject(in, out, w)
			continue
		}
		for row := range w.n {
			at := w.first + row
			if e.decoder != nil {
				w.origin.row = row
			}
			columns := e.rows.Row(at)
			from := len(out.arena)
			out.arena = e.writes.record(out.arena, &w.origin, columns, &e.rows.Texts, e.values[at*width:(at+1)*width])
			out.Results = append(out.Results, Result{
				Input: w.input, Kind: KindForward, Partition: e.next.Partition(columns, &e.rows.Texts, e.to.Partitions),
				key: span{-1, -1}, value: span{from, len(out.arena)},
			})
		}
		if w.n == 0 {
			out.Results = append(out.Results, Result{Input: w.input, Kind: KindNothing})
		}
	}
}

func (e *StageEngine) reject(in []record.Message, out *Output, w *waiting) {
	m := &in[w.input]
	out.Results = append(out.Results, Result{
		Input: w.input, Kind: KindDeadLetter, Reason: w.reject.Reason, Detail: w.reject.Detail,
		key: out.keep(m.Key), value: out.keep(m.Value),
	})
}

// predict scores all rows, maxBatch at a time, and writes the predictions.
func (e *StageEngine) predict(in []record.Message, out *Output) {
	e.score()
	for i := range e.pending {
		w := &e.pending[i]
		if w.reject == nil {
			w.reject = e.check(w)
		}
		if w.reject != nil {
			e.reject(in, out, w)
			continue
		}
		key := out.keep(w.origin.key)
		for row := range w.n {
			at := w.first + row
			if e.decoder != nil {
				w.origin.row = row
			}
			from := len(out.arena)
			out.arena = e.encoder.prediction(out.arena, &w.origin, e.identify(at), e.prints[at], e.probabilities[at])
			r := Result{Input: w.input, Kind: KindPrediction, key: key, value: span{from, len(out.arena)}}
			if e.decoder == nil {
				r.Timestamp = w.origin.timestamp
			}
			out.Results = append(out.Results, r)
		}
		if w.n == 0 {
			out.Results = append(out.Results, Result{Input: w.input, Kind: KindNothing})
		}
	}
}

// identify is what the id column of a row says; nil without one.
func (e *StageEngine) identify(row int) []byte {
	if e.idColumn < 0 {
		return nil
	}
	v := e.rows.Row(row)[e.idColumn]
	if e.idIsText {
		return e.rows.Texts.At(v)
	}
	e.id = strconv.AppendInt(e.id[:0], int64(v), 10)
	return e.id
}

func (e *StageEngine) score() {
	n, width := e.rows.N, e.program.Width()
	e.probabilities = slices.Grow(e.probabilities[:0], n)[:n]
	e.unscorable = slices.Grow(e.unscorable[:0], n)[:n]
	e.prints = slices.Grow(e.prints[:0], n)[:n]
	for from := 0; from < n; from += e.maxBatch {
		size := min(e.maxBatch, n-from)
		for i := range size {
			values, vector := e.values[(from+i)*width:(from+i+1)*width], e.vectors[i*width:(i+1)*width]
			e.program.Finish(e.rows.Row(from+i), values)
			finite := feature.Round(values, vector)
			e.unscorable[from+i] = !finite
			if !finite {
				clear(vector)
			}
			e.prints[from+i] = feature.Fingerprint(vector)
		}
		e.scorer.Score(e.vectors, size, e.probabilities[from:from+size])
	}
}

// history refuses a message of which one row could not become history.
func (e *StageEngine) history(w *waiting) *record.Reject {
	for row := range w.n {
		if !e.usable[w.first+row] {
			return unusable(row)
		}
	}
	return nil
}

func unusable(row int) *record.Reject {
	return &record.Reject{Reason: Unusable,
		Detail: fmt.Sprintf("the event time of row %d is not between the years 1 and 9999, or a value is beyond what is counted exactly", row)}
}

// check refuses a message of which one row has no finite answer. Its rows are history all the same.
func (e *StageEngine) check(w *waiting) *record.Reject {
	if reject := e.history(w); reject != nil {
		return reject
	}
	for row := range w.n {
		at := w.first + row
		if e.unscorable[at] {
			return &record.Reject{Reason: NotScorable, Detail: fmt.Sprintf("a feature of row %d is not finite in float32", row)}
		}
		if v := float64(e.probabilities[at]); math.IsNaN(v) || math.IsInf(v, 0) {
			return &record.Reject{Reason: NotScorable, Detail: fmt.Sprintf("the model's probability of row %d is not finite", row)}
		}
	}
	return nil
}
