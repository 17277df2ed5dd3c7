package audit

import (
	"context"
	"fmt"
	"hash/maphash"
	"time"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
)

// most is how many messages are computed together.
const most = 1024

// stageReplay computes one stage anew.
type stageReplay struct {
	*run
	stage  int
	engine *score.StageEngine
	begin  map[int32]int64
	done   []int64 // up to where the stage has read each partition of its topic
	cut    bool    // the log does not begin with the first message
	in     []record.Message
	bytes  []byte
	out    score.Output
}

func (r *run) replay(ctx context.Context, stage int, topic string, done []int64) error {
	o := score.StageOptions{EngineOptions: score.EngineOptions{Topic: r.Topics.Source, Now: func() time.Time { return time.Unix(0, 0) }}}
	last := stage == len(r.Topics.Stages)
	if !last {
		o.Next = score.Target{Topic: r.Topics.Stages[stage], Partitions: r.Topics.Partitions}
		r.handed = append(r.handed, map[coordinates]handed{})
	}
	engine, err := r.Bundle.NewStageEngine(stage, o)
	if err != nil {
		return err
	}
	s := &stageReplay{run: r, stage: stage, engine: engine, begin: map[int32]int64{}, done: done}
	err = r.each(ctx, topic, "Replay "+topic, func(m record.Message) error {
		at, known := s.begin[m.Partition]
		if !known {
			if at, err = r.Begin(ctx, topic, engine.Histories(), m.Partition); err != nil {
				return err
			}
			s.begin[m.Partition] = at
			s.cut = s.cut || m.Offset > 0
			if stage == 0 && (at > 0 || engine.Histories().Of(m.Partition).Keys() > 0) {
				r.unknown[m.Partition] = at
			}
		}
		if m.Offset < at {
			s.forget(&m)
			return nil
		}
		s.take(m)
		if len(s.in) >= most {
			s.flush()
		}
		return nil
	})
	s.flush()
	if err == nil && stage > 0 && !s.cut {
		r.lost(r.handed[stage-1])
	}
	return err
}

// take keeps a message, whose bytes are the reader's.
func (s *stageReplay) take(m record.Message) {
	keep := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		from := len(s.bytes)
		s.bytes = append(s.bytes, b...)
		return s.bytes[from:len(s.bytes):len(s.bytes)]
	}
	m.Key, m.Value = keep(m.Key), keep(m.Value)
	s.in = append(s.in, m)
}

func (s *stageReplay) flush() {
	if len(s.in) == 0 {
		return
	}
	if s.stage > 0 {
		for i := range s.in {
			s.received(&s.in[i])
		}
	}
	s.engine.Process(s.in, &s.out)
	rows := 0 // of the message at hand
	for i := range s.out.Results {
		result := &s.out.Results[i]
		if i == 0 || result.Input != s.out.Results[i-1].Input {
			rows = 0
		}
		m := &s.in[result.Input]
		switch result.Kind {
		case score.KindForward:
			at := coordinates{m.Partition, int32(rows), m.Offset}
			if s.stage > 0 {
				at.partition, at.offset, rows, _ = s.engine.Origin(m.Value)
				at.row = int32(rows)
			}
			s.handed[s.stage][at] = handed{maphash.Bytes(s.seed, s.out.Value(i)), s.read(m)}
			if s.stage == 0 && rows == 0 {
				s.batch.take(m)
			}
			rows++
		case score.KindPrediction:
			if s.stage == 0 && rows == 0 {
				s.batch.take(m)
			}
			rows++
			s.predicted(m, s.out.Value(i))
		}
	}
	s.in, s.bytes = s.in[:0], s.bytes[:0]
}

// read tells whether the stage has committed a message: what comes of it stands in the next topic then.
func (s *stageReplay) read(m *record.Message) bool {
	return int(m.Partition) < len(s.done) && m.Offset < s.done[m.Partition]
}

// forget passes over a message that a snapshot has in it. It is there: more cannot be told.
func (s *stageReplay) forget(m *record.Message) {
	if s.stage == 0 {
		return
	}
	if partition, offset, row, ok := s.engine.Origin(m.Value); ok {
		delete(s.handed[s.stage-1], coordinates{partition, int32(row), offset})
	}
}

// received compares a message of a stage's topic with what the stage before must have written.
func (s *stageReplay) received(m *record.Message) {
	partition, offset, row, ok := s.engine.Origin(m.Value)
	if !ok {
		return // a label
	}
	at := coordinates{partition, int32(row), offset}
	want, known := s.handed[s.stage-1][at]
	if !known {
		if offset < s.unknown[partition] {
			return // the stage before cannot be computed that far back
		}
		s.report.HandedDifferent++
		s.found("handed on", at.String(), "a message that the stage before does not write", "none")
		return
	}
	delete(s.handed[s.stage-1], at)
	s.report.Handed++
	if want.hash != maphash.Bytes(s.seed, m.Value) {
		s.report.HandedDifferent++
		s.found("handed on", at.String(), "other bytes than", "those computed now")
	}
}

// predicted compares a prediction with the one that was made.
func (s *stageReplay) predicted(m *record.Message, value []byte) {
	p, err := score.DecodePrediction(value)
	if err != nil {
		return // cannot be: we have encoded it
	}
	at := coordinates{p.Partition, int32(p.Row), p.Offset}
	if !s.sampled(at) {
		return
	}
	was := s.said[at]
	switch {
	case was == nil:
		if s.read(m) {
			s.report.Missing++
			s.found("missing", at.String(), "no prediction", decimal(p.Probability))
		}
		return
	case was.seen:
		s.report.HandedDifferent++
		s.found("handed on", at.String(), "twice", "once")
		return
	}
	was.seen = true
	if !was.ours {
		return
	}
	s.report.Compared++
	if was.features != p.Features || was.probability != p.Probability || was.decision != p.Decision {
		s.report.Different++
		s.found("prediction", at.String(), fmt.Sprintf("features %s, %s, %s", was.features, decimal(was.probability), was.decision),
			fmt.Sprintf("features %s, %s, %s", p.Features, decimal(p.Probability), p.Decision))
	}
}
