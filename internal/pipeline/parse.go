package pipeline

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxBytes bounds a definition; the largest that makes sense is far below.
const maxBytes = 1 << 20

// Parse reads a definition. name is the file's, for messages. The error, if any, is an *InvalidError.
func Parse(name string, source []byte) (*Definition, error) {
	if len(source) > maxBytes {
		return nil, invalid(name, Problem{Message: fmt.Sprintf("has %d bytes; a definition has at most %d", len(source), maxBytes)})
	}
	var file *ast.File
	err := guarded(func() (err error) {
		file, err = parser.ParseBytes(source, 0)
		return err
	})
	if err != nil {
		return nil, invalid(name, decodeProblem(nil, err))
	}
	if len(file.Docs) > 1 {
		return nil, invalid(name, Problem{
			Line:    file.Docs[1].GetToken().Position.Line,
			Message: "a second document starts here; write one pipeline per file",
		})
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, invalid(name, Problem{Line: 1, Message: "is empty; copy pipelines/creditcard.yaml and change it"})
	}
	if problems := durationProblems(file); len(problems) > 0 {
		return nil, invalid(name, problems...)
	}
	d := defaults()
	if err := guarded(func() error { return yaml.NodeToValue(file.Docs[0].Body, d, yaml.Strict()) }); err != nil {
		return nil, invalid(name, decodeProblem(file, err))
	}
	d.complete()
	d.yaml = bytes.Clone(source)
	if problems := d.validate(); len(problems) > 0 {
		for i := range problems {
			problems[i].Line = lineOf(file, problems[i].Field)
		}
		return nil, invalid(name, problems...)
	}
	d.expand()
	return d, nil
}

// guarded makes an error of a panic in the YAML library, which has some for files that are none, as for an unknown tag in
// place of a list.
func guarded(call func() error) (err error) {
	defer func() {
		if what := recover(); what != nil {
			err = fmt.Errorf("cannot be read as YAML; look for tags, words that begin with an exclamation mark (%v)", what)
		}
	}()
	return call()
}

// defaults holds what a file need not say.
func defaults() *Definition {
	return &Definition{
		Label:  Label{Positive: math.NaN()}, // no default: any number could be the wrong class
		Labels: Delayed,
		Source: Source{Format: "json", Start: Earliest},
		Model: Model{
			Kind: "mlp", Hidden: []int{32, 16}, Members: 1, Clip: 30, Epochs: 40, Batch: 256,
			LearningRate: 1e-3, Patience: 8, Seed: 1,
		},
		Training: Training{Split: Split{Train: 0.6, Validation: 0.2, Test: 0.2}, ClassWeight: Unweighted, PositiveWeight: 1, NegativeWeight: 1,
			NegativeShare: 1, Loss: CrossEntropy, FocalGamma: 2, Stop: StopEarly},
		Search:    Search{Strategy: SuccessiveHalving, Trials: 18, Parallel: 2},
		Threshold: Threshold{Policy: MaxF1},
		Decision:  Decision{Positive: "positive", Negative: "negative"},
		Gates:     Gates{MaxAPDrop: 0.02, MaxParityGap: 1e-6},
		Stream: Stream{
			Shards: 1, Delivery: ExactlyOnce, CommitInterval: 25 * time.Millisecond, Segment: 30 * time.Minute, MaxBatch: 4096,
		},
		Sink: Sink{Kind: Kafka},
	}
}

// complete fills in the defaults that depend on other fields.
func (d *Definition) complete() {
	for i := range d.Features {
		d.completeFeature(&d.Features[i])
	}
	if d.EventTime.Column != "" && d.EventTime.Tolerance == "" {
		d.EventTime.Tolerance = "1h"
	}
	if d.OrderBy == "" {
		d.OrderBy = d.EventTime.Column
	}
	if d.Report.Group == "" {
		d.Report.Group = d.Key
	}
	if d.Sink.DeadLetters == "" {
		d.Sink.DeadLetters = defaultDeadLetters(d.Source.Topic)
	}
	if d.Label.Topic == "" && d.hasState() {
		d.Label.Topic = d.Source.Topic + ".labels"
	}
}

func (d *Definition) completeFeature(f *Feature) {
	switch {
	case f.Calendar != "":
		if f.Column == "" {
			f.Column = d.EventTime.Column
		}
		if f.Zone == "" {
			f.Zone = "UTC"
		}
		if f.Calendar == Night && f.Hours == nil {
			f.Hours = []int{0, 6}
		}
	case f.Aggregate != "":
		if f.Key == "" {
			f.Key = d.Key
		}
		if f.Column == "" && f.Aggregate.OfLabels() {
			f.Column = d.Label.Column
		}
	case f.Column == "" && len(f.operands()) == 0:
		f.Column = f.Name
	}
}

// hasState says whether any feature looks at the history of a key.
func (d *Definition) hasState() bool {
	return slices.ContainsFunc(d.Features, func(f Feature) bool { return f.Aggregate != "" })
}

// expand puts one feature for each window in the place of those over several.
func (d *Definition) expand() {
	features := make([]Feature, 0, len(d.Features))
	for _, f := range d.Features {
		features = append(features, f.expanded()...)
	}
	d.Features = features
}

func defaultDeadLetters(topic string) string { return topic + ".dlq" }

// LooksAtLabels says whether any feature is made of the labels of earlier records.
func (d *Definition) LooksAtLabels() bool {
	return slices.ContainsFunc(d.Features, func(f Feature) bool { return f.OfLabels() })
}
