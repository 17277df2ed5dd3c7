// Package audit checks what a stream has predicted against the logs that it was made of.
//
// It reads the stream's topics again, from where what was before is known, and computes every record anew: what the first
// stage hands on, and what the last one predicts. Both are compared bit for bit with what stands in the topics. A stage's own
// input topic is the record of the order in which it got its records, so the comparison is exact whatever that order was; how
// far it was that of the events, as training has it, is told beside it.
//
//	report, err := audit.Run(ctx, audit.Options{Bundle: bundle, Topics: audit.Topics{...}, Read: ..., Sample: 10_000})
package audit

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"strconv"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
)

// Topics are those of one stream.
type Topics struct {
	Source     string
	Stages     []string // of the stages after the first
	Partitions int32    // of each of them
	Labels     string   // empty: no feature looks at labels
	Output     string
}

// Options say what is audited.
type Options struct {
	Bundle *score.Bundle // predictions of other versions are passed over
	Topics Topics
	Sample int // how many predictions are compared, about; 0: all

	// Read calls visit with every committed record of a topic, in the order of each partition, to its end as it stands. A
	// message's bytes are visit's only until it returns.
	Read func(ctx context.Context, topic string, visit func(record.Message) error) error
	// Begin puts into h what was known of a partition of a stage's topic at an offset that the log still reaches, and answers
	// the offset; nil: nothing at 0.
	Begin func(ctx context.Context, topic string, h *score.Histories, partition int32) (at int64, err error)
	// Committed answers up to where each partition of a stage's topic has been read.
	Committed func(ctx context.Context, topic string) ([]int64, error)
	// Progress is told what is done and how many messages of it; may be nil.
	Progress func(what string, messages int64)
}

// Report is what an audit has found.
type Report struct {
	Pipeline string `json:"pipeline"`
	Model    string `json:"model"`
	Version  string `json:"model_version"`

	Predictions int64 `json:"predictions"`    // in the output topic, of this version
	Others      int64 `json:"other_versions"` // of other versions, passed over
	Compared    int64 `json:"compared"`
	Different   int64 `json:"different"` // of those, in a feature, the probability or the decision
	Unreached   int64 `json:"unreached"` // sampled, and older than what the log and the snapshots let one know

	Handed          int64 `json:"handed_on"`           // messages between stages, all of which are compared
	HandedDifferent int64 `json:"handed_on_different"` // other bytes, one too many, or one that is not there

	Missing  int64 `json:"missing"`  // sampled records that were scored, by the offsets, and have no prediction
	Repeated int64 `json:"repeated"` // sampled records with more than one

	// EventOrder compares the same predictions with what training computes, which sees records in the order of their events.
	EventOrder EventOrder `json:"event_order"`

	Differences []Difference `json:"differences,omitempty"` // the first few
}

// Passed tells whether nothing speaks against the stream.
func (r Report) Passed() bool {
	return r.Different == 0 && r.HandedDifferent == 0 && r.Missing == 0 && r.Repeated == 0
}

// EventOrder is the comparison with training.
type EventOrder struct {
	Compared  int64  `json:"compared"`
	Different int64  `json:"different"`
	Skipped   string `json:"skipped,omitempty"` // why there is none
}

// Difference is one that was found.
type Difference struct {
	What   string `json:"what"` // prediction, handed on, missing, repeated
	Record string `json:"record"`
	Was    string `json:"was"`
	Is     string `json:"is"`
}

const fewDifferences = 20

// coordinates name a row of the source.
type coordinates struct {
	partition int32
	row       int32
	offset    int64
}

func (c coordinates) String() string {
	return fmt.Sprintf("partition %d offset %d row %d", c.partition, c.offset, c.row)
}

// prediction is what was said of a row.
type prediction struct {
	features    string
	probability float32
	decision    string
	times       int32
	seen        bool // the replay came by
	ours        bool // of the version that is audited
}

// run is one audit.
type run struct {
	Options
	report  Report
	every   uint64 // one row in so many is sampled
	seed    maphash.Seed
	said    map[coordinates]*prediction
	handed  []map[coordinates]handed // by hop: what the stage before must have handed on
	batch   *batch
	unknown map[int32]int64 // of the source: before it nothing can be computed
}

// Run audits.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Progress == nil {
		o.Progress = func(string, int64) {}
	}
	if o.Begin == nil {
		o.Begin = func(context.Context, string, *score.Histories, int32) (int64, error) { return 0, nil }
	}
	r := &run{Options: o, every: 1, seed: maphash.MakeSeed(), said: map[coordinates]*prediction{}, unknown: map[int32]int64{}}
	r.report.Pipeline, r.report.Model, r.report.Version = o.Bundle.Definition.Name, o.Bundle.Name, o.Bundle.Version
	if err := r.all(ctx); err != nil {
		return Report{}, fmt.Errorf("audit %s@%s: %w", o.Bundle.Name, o.Bundle.Version, err)
	}
	return r.report, nil
}

// ErrStateless is returned for a model whose features look at one record alone: there is nothing that could have gone amiss
// between records.
var ErrStateless = errors.New("no feature of the model has a history")

func (r *run) all(ctx context.Context) error {
	if !r.Bundle.Stateful() {
		return ErrStateless
	}
	topics := append([]string{r.Topics.Source}, r.Topics.Stages...)
	done := make([][]int64, len(topics)) // before anything is read: what comes of it by now stands in the next topic
	for i, topic := range topics {
		var err error
		if done[i], err = r.Committed(ctx, topic); err != nil {
			return err
		}
	}
	if err := r.readOutput(ctx); err != nil {
		return err
	}
	var err error
	if r.batch, err = newBatch(r.Bundle); err != nil {
		return err
	}
	for stage, topic := range topics {
		if err := r.replay(ctx, stage, topic, done[stage]); err != nil {
			return fmt.Errorf("replay %s: %w", topic, err)
		}
	}
	for at, p := range r.said {
		if !p.seen && p.ours {
			r.report.Unreached++
		}
		if p.times > 1 {
			r.report.Repeated++
			r.found("repeated", at.String(), fmt.Sprint(p.times, " predictions"), "1")
		}
	}
	return r.compareBatch(ctx)
}

// handed is what a stage must have handed on of a row.
type handed struct {
	hash uint64
	due  bool // by its offset: else it may not have come to it yet
}

// lost counts what was to be handed on and does not stand in the next stage's topic.
func (r *run) lost(left map[coordinates]handed) {
	for at, h := range left {
		if h.due {
			r.report.HandedDifferent++
			r.found("handed on", at.String(), "nothing", "a message for the next stage")
		}
	}
}

// sampled tells whether a row is one of those that are compared.
func (r *run) sampled(c coordinates) bool {
	return r.every <= 1 || maphash.Comparable(r.seed, c)%r.every == 0
}

// readOutput keeps what was said of the rows that are sampled. It reads twice: how many there are decides how many are taken.
func (r *run) readOutput(ctx context.Context) error {
	if r.Sample > 0 {
		total := int64(0)
		if err := r.each(ctx, r.Topics.Output, "Count predictions", func(record.Message) error { total++; return nil }); err != nil {
			return err
		}
		r.every = max(1, uint64(math.Round(float64(total)/float64(r.Sample))))
	}
	return r.each(ctx, r.Topics.Output, "Read predictions", func(m record.Message) error {
		p, err := score.DecodePrediction(m.Value)
		if err != nil || p.Topic != r.Topics.Source {
			return nil // another stream's, or not ours to judge
		}
		ours := p.Model == r.Bundle.Name && p.ModelVersion == r.Bundle.Version
		if ours {
			r.report.Predictions++
		} else {
			r.report.Others++
		}
		at := coordinates{p.Partition, int32(p.Row), p.Offset}
		if !r.sampled(at) {
			return nil
		}
		if known := r.said[at]; known != nil {
			known.times++
			return nil
		}
		r.said[at] = &prediction{features: p.Features, probability: p.Probability, decision: p.Decision, times: 1, ours: ours}
		return nil
	})
}

// each reads a topic and tells progress.
func (r *run) each(ctx context.Context, topic, what string, visit func(record.Message) error) error {
	n := int64(0)
	err := r.Read(ctx, topic, func(m record.Message) error {
		if n++; n%4096 == 0 {
			r.Progress(what, n)
		}
		return visit(m)
	})
	r.Progress(what, n)
	if err != nil {
		return fmt.Errorf("read %s: %w", topic, err)
	}
	return nil
}

func (r *run) found(what, record, was, is string) {
	if len(r.report.Differences) < fewDifferences {
		r.report.Differences = append(r.report.Differences, Difference{what, record, was, is})
	}
}

func decimal(p float32) string { return strconv.FormatFloat(float64(p), 'g', -1, 32) }
