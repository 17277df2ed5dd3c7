package score

import (
	"errors"
	"fmt"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/record"
)

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

// ErrStage is returned for a stage that a bundle does not have.
var ErrStage = errors.New("no such stage")

// Stages is how many stages the bundle's features take; 0 where none looks at history.
func (b *Bundle) Stages() (int, error) {
	program, _, err := b.compile()
	if err != nil {
		return 0, err
	}
	return len(program.Stages()), nil
}

// Stateful tells whether the features need more than one record's columns, so that a StageEngine scores and not an Engine.
func (b *Bundle) Stateful() bool { return b.Spec.Format >= feature.FormatStateful }

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
	program, schema, err := b.compile()
	if err != nil {
		return nil, err
	}
	stages := program.Stages()
	if number < 0 || number >= max(1, len(stages)) {
		return nil, fmt.Errorf("%w: there are %d", ErrStage, max(1, len(stages)))
	}
	e := &StageEngine{program: program, maxBatch: o.MaxBatch, now: o.Now, encoder: newEncoder(b, o.Topic), idColumn: -1, on: -1, histories: NewHistories(nil)}
	e.encoder.stateful = true
	if number == 0 {
		e.decoder = record.NewDecoder(schema, o.Limits)
	}
	if len(stages) > 0 {
		e.stage = stages[number]
		e.histories.stage = e.stage
	}
	if c, ok := schema.Index(b.Definition.ID); ok {
		e.idColumn, e.idIsText = c, schema.Fields()[c].Kind == record.Text
	}
	digest, err := digestOf(b)
	if err != nil {
		return nil, err
	}
	e.reads = newForwarder(digest, schema, stages[:min(number, len(stages))])
	e.writes = newForwarder(digest, schema, stages[:min(number+1, len(stages))])
	if number+1 < len(stages) {
		if e.next, e.to = stages[number+1], options.Next; e.to.Topic == "" || e.to.Partitions <= 0 {
			return nil, fmt.Errorf("no topic of the next stage given")
		}
		return e, nil
	}
	e.answers = newAnswers(b.Model, program.Width(), o.MaxBatch)
	return e, nil
}

// newForwarder writes and reads what is handed on behind these stages.
func newForwarder(digest uint64, schema *record.Schema, stages []*feature.Stage) forwarder {
	f := forwarder{digest: digest}
	for _, field := range schema.Fields() {
		f.texts = append(f.texts, field.Kind == record.Text)
	}
	for _, s := range stages {
		f.inputs = append(f.inputs, s.Inputs()...)
	}
	return f
}
