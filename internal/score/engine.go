package score

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model"
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

// scorer is the model's part of the engine: a *model.Scorer, or in tests one whose answers are known.
type scorer interface {
	// Score writes the probabilities of the first n rows of x, [n, F] row-major, to out[:n].
	Score(x []float32, n int, out []float32)
}

// Engine runs a bundle for one loop: not safe for concurrent use. All its memory is reused from batch to batch.
type Engine struct {
	decoder  *record.Decoder
	plan     *feature.Plan
	scorer   scorer
	maxBatch int
	now      func() time.Time
	encoder  encoder

	rows          record.Rows
	pending       []pending // decoded messages whose rows wait in rows
	vectors       []float32 // [maxBatch, F] row-major
	probabilities []float32 // one per waiting row
	unusable      []bool    // per waiting row: its features are not finite
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
		scorer:   model.NewScorer(b.Model, o.MaxBatch),
		maxBatch: o.MaxBatch,
		now:      o.Now,
		encoder:  newEncoder(b, o.Topic),
		vectors:  make([]float32, o.MaxBatch*plan.Width()),
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
	if len(m.Key) > record.MaxIDBytes {
		// It would be repeated in every prediction of the message.
		p.reject = &record.Reject{Reason: record.TooLarge,
			Detail: fmt.Sprintf("the key has %d bytes, at most %d are allowed", len(m.Key), record.MaxIDBytes)}
	} else if n, err := e.decoder.Decode(m.Value, &e.rows); err != nil {
		p.reject, _ = errors.AsType[*record.Reject](err)
	} else {
		p.n, p.id = n, e.decoder.ID()
	}
	e.pending = append(e.pending, p)
}

// flush scores the rows that wait and writes the results of all messages in line.
func (e *Engine) flush(in []record.Message, out *Output) {
	e.score()
	for i := range e.pending {
		p := &e.pending[i]
		m := &in[p.input]
		if p.reject == nil {
			p.reject = e.check(p)
		}
		if p.reject != nil {
			out.Results = append(out.Results, Result{
				Input: p.input, Kind: KindDeadLetter, Reason: p.reject.Reason, Detail: p.reject.Detail,
				key: out.keep(m.Key), value: out.keep(m.Value),
			})
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

// score computes the probabilities of all rows that wait, maxBatch at a time.
func (e *Engine) score() {
	n, width := e.rows.N, e.plan.Width()
	e.probabilities = slices.Grow(e.probabilities[:0], n)[:n]
	e.unusable = slices.Grow(e.unusable[:0], n)[:n]
	for from := 0; from < n; from += e.maxBatch {
		size := min(e.maxBatch, n-from)
		for i := range size {
			vector := e.vectors[i*width : (i+1)*width]
			finite := e.plan.Vector(e.rows.Row(from+i), vector)
			e.unusable[from+i] = !finite
			if !finite {
				clear(vector)
			}
		}
		e.scorer.Score(e.vectors, size, e.probabilities[from:from+size])
	}
}

// check refuses a message of which one row has no finite answer.
func (e *Engine) check(p *pending) *record.Reject {
	for row := range p.n {
		if e.unusable[p.first+row] {
			return &record.Reject{Reason: NotScorable, Detail: fmt.Sprintf("a feature of row %d is not finite in float32", row)}
		}
		if v := float64(e.probabilities[p.first+row]); math.IsNaN(v) || math.IsInf(v, 0) {
			return &record.Reject{Reason: NotScorable, Detail: fmt.Sprintf("the model's probability of row %d is not finite", row)}
		}
	}
	return nil
}
