package serving

import (
	"context"
	"fmt"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/stream"
)

// stages are those of a pipeline whose features have state, their topics made where they are
// missing: each of the stream's own with as many partitions as the source. A pipeline without
// state has one stage, which the plan itself describes. Keys and features are those of the definition that the model was
// trained under; the topics that others write to, those of today.
func (s *Server) stages(ctx context.Context, today, trained *pipeline.Definition, partitions int) ([]job.Stage, error) {
	stages := stagesOf(trained)
	for i := range stages {
		switch {
		case i == 0:
			stages[i].Topic = today.Source.Topic
		case stages[i].Kind == job.StageLabels && today.Label.Topic != "":
			stages[i].Topic = today.Label.Topic
		}
	}
	for i := range stages {
		stage := &stages[i]
		if i == 0 {
			stage.Partitions = partitions
			continue
		}
		spec := stream.TopicSpec{Name: stage.Topic, Partitions: partitions}
		err := stream.EnsureTopics(ctx, s.Kafka, spec)
		if err != nil {
			return nil, err
		}
		if stage.Partitions, err = stream.Partitions(ctx, s.Kafka, stage.Topic); err != nil {
			return nil, err
		}
		if stage.Kind == job.StageRecords && stage.Partitions != partitions {
			return nil, fmt.Errorf("%w: topic %s has %d partitions and the source %d; a key's records must stay where its history is: "+
				"delete the topic, or give the stream a pipeline of another name", ErrRequest, stage.Topic, stage.Partitions, partitions)
		}
	}
	return stages, nil
}

// stagesOf lists the stages without asking anybody: those of records, and the one of labels if
// a feature looks at them.
func stagesOf(d *pipeline.Definition) []job.Stage {
	planned := d.Stages()
	if planned[0].Key == "" {
		return nil
	}
	var stages []job.Stage
	for _, p := range planned {
		stages = append(stages, job.Stage{Kind: job.StageRecords, Topic: p.Topic, Key: p.Key, Labels: p.Labels})
	}
	if d.LooksAtLabels() {
		stages = append(stages, job.Stage{Kind: job.StageLabels, Topic: d.Label.Topic})
	}
	return stages
}

// Unread tells whether a shard has records left to read.
func (s *Server) Unread(ctx context.Context, plan job.StreamPlan, shard job.Shard) (bool, error) {
	return stream.Unread(ctx, s.Kafka, plan.Group, plan.Stage(shard.Stage).Topic, shard.Partitions)
}

func numbers(n int) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(i)
	}
	return all
}
