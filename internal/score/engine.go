package score

import (
	"errors"
	"fmt"
	"time"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/record"
)

// EngineOptions are an engine's settings; all have defaults.
type EngineOptions struct {
	MaxBatch int              // rows scored at once; default 4096
	Topic    string           // the input topic, which predictions name; default: the definition's source topic
	Limits   record.Limits    // of one message; its own defaults
	Now      func() time.Time // for scored_at, read once a batch; default time.Now
}

func (o EngineOptions) withDefaults(b *Bundle) EngineOptions {
	if o.MaxBatch <= 0 {
		o.MaxBatch = 4096
	}
	if o.Topic == "" {
		o.Topic = b.Definition.Source.Topic
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Engine runs a bundle for one loop: not safe for concurrent use. All its memory is reused from batch to batch.
type Engine struct {
	decoder  *record.Decoder
	plan     *feature.Plan
	maxBatch int
	now      func() time.Time
	encoder  encoder

	rows    record.Rows
	pending []pending // decoded messages whose rows wait in rows
	answers           // of the waiting rows
}

// pending is a message between decoding and encoding.
type pending struct {
	input  int
	first  int // its rows are rows[first : first+n]; n = 0: refused
	n      int
	id     []byte // shares the message's memory
	reject *record.Reject
}

// NewEngine prepares an engine for one loop.
func (b *Bundle) NewEngine(options EngineOptions) (*Engine, error) {
	o := options.withDefaults(b)
	schema, err := feature.Schema(b.Definition.StreamSchema())
	if err != nil {
		return nil, fmt.Errorf("make engine %s@%s: %w", b.Name, b.Version, err)
	}
	plan, err := feature.Compile(b.Spec, schema)
	if err != nil {
		return nil, fmt.Errorf("make engine %s@%s: %w", b.Name, b.Version, err)
	}
	return &Engine{
		decoder:  record.NewDecoder(schema, o.Limits),
		plan:     plan,
		maxBatch: o.MaxBatch,
		now:      o.Now,
		encoder:  newEncoder(b, o.Topic),
		answers:  newAnswers(b.Model, plan.Width(), o.MaxBatch),
	}, nil
}

// Process makes the results of a batch of messages, any number of them. out is reset first.
func (e *Engine) Process(in []record.Message, out *Output) {
	out.Reset()
	e.forget() // after a panic in the middle of a batch, something of it is still in line
	e.encoder.startBatch(e.now())
	for i := range in {
		e.decode(i, &in[i])
		if e.rows.N >= e.maxBatch {
			e.flush(in, out)
		}
	}
	e.flush(in, out)
}

// decode reads one message and puts it in line.
func (e *Engine) decode(i int, m *record.Message) {
	p := pending{input: i, first: e.rows.N}
	if p.n, p.reject = decode(e.decoder, m, &e.rows); p.reject == nil {
		p.id = e.decoder.ID()
	}
	e.pending = append(e.pending, p)
}

// decode appends the rows of a message of the source. One is refused whose key is too long to be repeated in every prediction.
func decode(d *record.Decoder, m *record.Message, rows *record.Rows) (n int, reject *record.Reject) {
	if len(m.Key) > record.MaxIDBytes {
		return 0, &record.Reject{Reason: record.TooLarge, Detail: fmt.Sprintf("the key has %d bytes, at most %d are allowed", len(m.Key), record.MaxIDBytes)}
	}
	n, err := d.Decode(m.Value, rows)
	if err != nil {
		reject, _ = errors.AsType[*record.Reject](err)
		return 0, reject
	}
	return n, nil
}

// flush scores the rows that wait and writes the results of all messages in line.
func (e *Engine) flush(in []record.Message, out *Output) {
	e.compute(e.rows.N, func(row int, to []float32) bool { return e.plan.Vector(e.rows.Row(row), to) })
	for i := range e.pending {
		p := &e.pending[i]
		m := &in[p.input]
		if p.reject == nil {
			p.reject = e.check(p.first, p.n)
		}
		if p.reject != nil {
			out.refuse(p.input, m, p.reject)
			continue
		}
		key := out.keep(m.Key)
		o := origin{partition: m.Partition, offset: m.Offset, timestamp: m.Timestamp, rows: p.n, key: m.Key, sourceID: p.id}
		for row := range p.n {
			from := len(out.arena)
			o.row = row
			out.arena = e.encoder.prediction(out.arena, &o, nil, 0, e.probabilities[p.first+row])
			out.Results = append(out.Results, Result{
				Input: p.input, Kind: KindPrediction, key: key, value: span{from, len(out.arena)},
			})
		}
	}
	e.forget()
}

// forget empties the line, and lets go of the messages' memory.
func (e *Engine) forget() {
	clear(e.pending)
	e.pending = e.pending[:0]
	e.rows.Reset()
}
