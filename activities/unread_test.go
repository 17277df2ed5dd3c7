package activities

import (
	"strings"
	"testing"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
)

func TestPartitionsThatNobodyReadsAreNoticed(t *testing.T) {
	alone := job.StreamPlan{Topic: "in", Shards: []job.Shard{{ID: 0, Partitions: []int32{0, 1}}, {ID: 1, Partitions: []int32{2, 3}}}}
	staged := job.StreamPlan{Topic: "in", Stages: []job.Stage{{Topic: "in", Partitions: 4}, {Topic: "between", Partitions: 4}}}
	for name, c := range map[string]struct {
		plan   job.StreamPlan
		counts int
		unread bool
		says   string
	}{
		"unknown":        {alone, 0, false, ""},
		"as planned":     {alone, 4, false, ""},
		"more":           {alone, 6, true, ""},
		"stages":         {staged, 4, false, ""},
		"more of stages": {staged, 6, true, "in has 6 partitions, and the stream reads the 4 that it began with"},
	} {
		p := stream.Progress{TopicPartitions: c.counts}
		got := unread(&p, job.SegmentRequest{Plan: c.plan, Shard: job.Shard{Partitions: []int32{0, 1}}})
		if got != c.unread || !strings.HasPrefix(p.Stuck, c.says) || c.says == "" && p.Stuck != "" {
			t.Errorf("%s: unread %t, says %q", name, got, p.Stuck)
		}
	}
}
