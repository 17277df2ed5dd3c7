package audit

import (
	"context"
	"fmt"
	"time"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
)

// memoryPartitions is how many partitions the topics in memory have: enough for keys to part.
const memoryPartitions = 3

// memoryStream is a stream whose topics are in memory: a message is read in the moment in which it is written.
type memoryStream struct {
	bundle *score.Bundle
	table  feature.Table // which is sent
	rows   []int         // their numbers in the data set
	schema *record.Schema
	id     int // column
	stages []*score.StageEngine
	labels *score.LabelEngine // nil: no feature looks at labels
	toward []int              // by target of the labels: the stage that reads it
	next   [][]int64          // offsets, by stage and partition
	out    []score.Output     // by stage; the last is the labels'
	sent   map[coordinates]int
	said   map[int]prediction // by row
	report Rehearsal
}

func newMemoryStream(bundle *score.Bundle, table feature.Table, rows []int) (*memoryStream, error) {
	d := bundle.Definition
	schema, err := feature.Schema(d.StreamSchema())
	if err != nil {
		return nil, err
	}
	s := &memoryStream{bundle: bundle, table: table, rows: rows, schema: schema, sent: map[coordinates]int{}, said: map[int]prediction{}}
	s.id, _ = schema.Index(d.ID)
	planned := d.Stages()
	var targets []score.Target
	for i, stage := range planned {
		options := score.StageOptions{EngineOptions: score.EngineOptions{Topic: d.Source.Topic, Now: func() time.Time { return time.Unix(0, 0) }, MaxBatch: 64}}
		if i+1 < len(planned) {
			options.Next = score.Target{Topic: planned[i+1].Topic, Partitions: memoryPartitions}
		}
		engine, err := bundle.NewStageEngine(i, options)
		if err != nil {
			return nil, err
		}
		s.stages, s.next = append(s.stages, engine), append(s.next, make([]int64, memoryPartitions))
		if stage.Labels {
			targets, s.toward = append(targets, score.Target{Topic: stage.Topic, Partitions: memoryPartitions}), append(s.toward, i)
		}
	}
	s.out = make([]score.Output, len(planned)+1)
	if d.LooksAtLabels() {
		s.labels, err = bundle.NewLabelEngine(targets)
	}
	return s, err
}

// play sends all rows and labels in the order of their times, as training sees them.
func (s *memoryStream) play(ctx context.Context, program *feature.Program) error {
	timeline, err := program.Timeline(s.table)
	if err != nil {
		return err
	}
	for m := range timeline.Moments() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.send(m); err != nil {
			return err
		}
	}
	return nil
}

// send lets one row, or its label, go all its way.
func (s *memoryStream) send(m feature.Moment) error {
	timestamp := int64(m.At * 1000)
	if m.Label {
		value, err := s.labelMessage(m.Row)
		if err != nil {
			return err
		}
		return s.tell(m.Row, record.Message{Timestamp: timestamp, Value: value})
	}
	value, err := s.rowMessage(m.Row)
	if err != nil {
		return err
	}
	at := coordinates{partition: s.partition(m.Row)}
	at.offset = s.append(0, at.partition)
	s.sent[at] = m.Row
	return s.process(0, record.Message{Partition: at.partition, Offset: at.offset, Timestamp: timestamp, Value: value})
}

// partition keeps a key's rows in one partition of the source.
func (s *memoryStream) partition(row int) int32 {
	key, ok := s.schema.Index(s.bundle.Definition.Key)
	if !ok {
		return int32(row % memoryPartitions)
	}
	v := s.table.Columns[key][row]
	word := uint64(int64(v))
	if s.schema.Fields()[key].Kind == record.Text {
		word = feature.TextID(s.table.Texts.At(v))
	}
	return int32(word % memoryPartitions)
}

// tell has a label read, and told to the stages that look at labels.
func (s *memoryStream) tell(row int, m record.Message) error {
	s.report.Labels++
	out := &s.out[len(s.stages)]
	s.labels.Process([]record.Message{m}, out)
	for i := range out.Results {
		switch result := &out.Results[i]; result.Kind {
		case score.KindForward:
			if err := s.hand(s.toward[result.To], result.Partition, out.Value(i)); err != nil {
				return err
			}
		case score.KindDeadLetter:
			return fmt.Errorf("the label of row %d is refused: %s", row, result.Detail)
		}
	}
	return nil
}

// hand puts a message into a stage's topic, and has it read.
func (s *memoryStream) hand(stage int, partition int32, value []byte) error {
	s.report.Handed++
	return s.process(stage, record.Message{Partition: partition, Offset: s.append(stage, partition), Value: value})
}

// append answers the offset of a message that is written into a stage's topic.
func (s *memoryStream) append(stage int, partition int32) int64 {
	offset := s.next[stage][partition]
	s.next[stage][partition]++
	return offset
}

func (s *memoryStream) process(stage int, m record.Message) error {
	out := &s.out[stage]
	s.stages[stage].Process([]record.Message{m}, out)
	for i := range out.Results {
		switch result := &out.Results[i]; result.Kind {
		case score.KindForward:
			if err := s.hand(stage+1, result.Partition, out.Value(i)); err != nil {
				return err
			}
		case score.KindPrediction:
			p, err := score.DecodePrediction(out.Value(i))
			if err != nil {
				return err
			}
			row := s.sent[coordinates{p.Partition, int32(p.Row), p.Offset}]
			s.said[row] = prediction{features: p.Features, probability: p.Probability}
		case score.KindDeadLetter:
			s.found("dead letter", s.rowOf(stage, &m), string(result.Reason), result.Detail)
		}
	}
	return nil
}

// rowOf is the row that a message of a stage's topic is of.
func (s *memoryStream) rowOf(stage int, m *record.Message) int {
	at := coordinates{partition: m.Partition, offset: m.Offset}
	if stage > 0 {
		partition, offset, row, _ := s.stages[stage].Origin(m.Value)
		at = coordinates{partition, int32(row), offset}
	}
	return s.sent[at]
}
