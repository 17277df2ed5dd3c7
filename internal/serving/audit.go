package serving

import (
	"context"
	"fmt"

	"temporal-streaming/internal/audit"
	"temporal-streaming/internal/history"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
	"temporal-streaming/internal/stream"
)

// Audit computes the predictions of a stream anew from its topics, about sample of them (0: all), and compares them bit for bit. model is
// a version or an alias; predictions of other versions are passed over. It reads only: a stream may run meanwhile.
func (s *Server) Audit(ctx context.Context, pipeline, model string, sample int, progress func(what string, messages int64)) (audit.Report, error) {
	fail := func(err error) (audit.Report, error) {
		return audit.Report{}, fmt.Errorf("audit the stream %s: %w", pipeline, err)
	}
	d, err := s.Pipeline(pipeline)
	if err != nil {
		return fail(err)
	}
	found, err := s.Models.Find(ctx, d.Name, model)
	if err != nil {
		return fail(err)
	}
	bundle, err := s.Models.Open(ctx, found)
	if err != nil {
		return fail(err)
	}
	topics := audit.Topics{Source: d.Source.Topic, Output: d.Sink.Topic}
	for i, stage := range stagesOf(bundle.Definition) {
		switch {
		case stage.Kind == job.StageLabels:
			topics.Labels = or(d.Label.Topic, stage.Topic)
		case i > 0:
			topics.Stages = append(topics.Stages, stage.Topic)
		}
	}
	n, err := stream.Partitions(ctx, s.Kafka, d.Source.Topic)
	if err != nil {
		return fail(err)
	}
	topics.Partitions = int32(n)
	logs := map[string][]stream.GroupPosition{}
	positions := func(ctx context.Context, topic string) ([]stream.GroupPosition, error) {
		if known, ok := logs[topic]; ok {
			return known, nil
		}
		found, err := stream.Group(ctx, s.Kafka, stream.GroupID(d.Name), topic)
		logs[topic] = found
		return found, err
	}
	report, err := audit.Run(ctx, audit.Options{
		Bundle: bundle, Topics: topics, Sample: sample, Progress: progress, Read: s.readAll,
		Begin: func(ctx context.Context, topic string, h *score.Histories, partition int32) (int64, error) {
			log, err := positions(ctx, topic)
			if err != nil {
				return 0, err
			}
			book := history.Book{Store: s.Store, Pipeline: d.Name, Topic: topic, Logger: s.Logger}
			return book.Oldest(ctx, h, partition, log[partition].First)
		},
		Committed: func(ctx context.Context, topic string) ([]int64, error) {
			log, err := positions(ctx, topic)
			next := make([]int64, len(log))
			for i, p := range log {
				next[i] = p.Committed
			}
			return next, err
		},
	})
	if err != nil {
		return fail(err)
	}
	return report, nil
}

// readAll visits what is committed of a topic, to its end as it stands.
func (s *Server) readAll(ctx context.Context, topic string, visit func(record.Message) error) error {
	r, err := stream.NewReader(ctx, s.Kafka, topic, stream.StartEarliest())
	if err != nil {
		return err
	}
	defer r.Close() // nothing is lost: a reader commits nothing
	return r.ToEnd(ctx, func(rec stream.Record) error {
		m := record.Message{Partition: rec.Partition, Offset: rec.Offset, Timestamp: -1, Key: rec.Key, Value: rec.Value}
		if !rec.Timestamp.IsZero() {
			m.Timestamp = rec.Timestamp.UnixMilli()
		}
		return visit(m)
	})
}
