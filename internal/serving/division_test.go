package serving

import (
	"fmt"
	"testing"

	"temporal-streaming/internal/job"
)

func TestOwnerIsRetiredAsOneOfItsStage(t *testing.T) {
	stages := []job.Stage{
		{Kind: job.StageRecords, Topic: "in", Partitions: 4}, {Kind: job.StageRecords, Topic: "p.stage-1", Partitions: 4, Labels: true},
		{Kind: job.StageLabels, Topic: "in.labels", Partitions: 4},
	}
	plan := job.StreamPlan{Pipeline: "p", Topic: "in", Output: "out", Stages: stages}
	for stage, want := range []string{"in to [p.stage-1]", "p.stage-1 to []", "in.labels to [p.stage-1]"} {
		o := owner(plan, stage, []int32{0})
		if got := fmt.Sprint(o.Topic, " to ", o.Forward); got != want || o.Stage != stage {
			t.Errorf("stage %d: %s, want %s", stage, got, want)
		}
	}
	plan.Stages = nil
	if o := owner(plan, 0, []int32{0}); o.Topic != "in" || o.Forward != nil {
		t.Errorf("a stream of one stage hands nothing on: %+v", o)
	}
}
