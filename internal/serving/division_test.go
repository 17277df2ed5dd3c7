package serving

import (
	"fmt"
	"testing"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
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

func TestPartitionsOfTheDivisionBeforeAreCounted(t *testing.T) {
	id := func(pipeline string, stage int, topic string, partitions ...int32) string {
		return stream.TransactionalID(pipeline, stage, topic, partitions)
	}
	for _, c := range []struct {
		owners []string
		n      int
	}{
		{nil, 0},
		{[]string{id("p", 0, "in", 0, 1, 2), id("p", 0, "in", 3)}, 4},
		{[]string{id("p", 0, "in", 0, 1), id("p", 1, "p.stage-1", 0, 1, 2, 3)}, 2}, // stages have topics of their own
		{[]string{id("p", 0, "before", 0, 1, 2)}, 0},                               // the pipeline read another topic
		{[]string{id("other", 0, "in", 0, 1, 2)}, 0},
		{[]string{"nonsense"}, 0},
	} {
		if n := ownedBefore(c.owners, "p", "in"); n != c.n {
			t.Errorf("%v had %d partitions, want %d", c.owners, n, c.n)
		}
	}
}

// A plan may be made again after a crash that left its owners and nothing committed: what was read before tells.
func TestPartitionsThatWereReadBeforeAreCounted(t *testing.T) {
	for _, c := range []struct {
		committed []int64
		n         int
	}{
		{nil, 0},
		{[]int64{-1, -1, -1}, 0}, // a first stream: all begin where it is told to
		{[]int64{5, 0, 7}, 0},
		{[]int64{5, 0, -1}, 2},
		{[]int64{-1, 3, -1}, 2},
	} {
		var positions []stream.GroupPosition
		for i, at := range c.committed {
			positions = append(positions, stream.GroupPosition{Partition: int32(i), Committed: at})
		}
		if n := readBefore(positions); n != c.n {
			t.Errorf("%v: %d were read before, want %d", c.committed, n, c.n)
		}
	}
}
