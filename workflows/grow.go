package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// growAgain is how long a topic that has grown waits after its partitions could not be taken in.
const growAgain = 10 * time.Second

// grow takes in the partitions that were added to the topic, which a shard has told of: others will tell the same.
func (s *inference) grow(partitions int) {
	if partitions <= max(s.growing, len(s.status.Plan.Partitions())) {
		return
	}
	s.growing = partitions
	workflow.GoNamed(s.root, "grow", func(ctx workflow.Context) {
		if err := s.takeIn(ctx, partitions); err != nil {
			workflow.GetLogger(ctx).Warn("take in the partitions that were added; the next segment tries it again", "partitions", partitions, "error", err)
			_ = workflow.Sleep(ctx, growAgain)
		}
		if s.growing == partitions {
			s.growing = 0
		}
	})
}

// takeIn divides more partitions into as many shards. Records stand in the new ones already, so
// those begin with their first, and not where the stream was once told to.
func (s *inference) takeIn(ctx workflow.Context, partitions int) error {
	done, err := s.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	plan := &s.status.Plan
	before := len(plan.Partitions())
	if partitions <= before {
		return nil
	}
	all := make([]int32, partitions)
	for i := range all {
		all[i] = int32(i)
	}
	if plan.Began == 0 {
		plan.Began = before
	}
	if err := s.redivide(ctx, job.Divide(plan.Shards, all, len(plan.Shards))); err != nil {
		return err
	}
	s.growing = 0 // shards that kept their partitions go on; they are asked next
	reason := fmt.Sprintf("%s has %d partitions now, and had %d", plan.Topic, partitions, before)
	s.status.Note = fmt.Sprintf("Taken in at %s: %s", workflow.Now(ctx).UTC().Format(time.RFC3339), reason)
	s.describe(ctx)
	var a *activities.Stream
	_, err = s.settle(ctx, job.ControlReceipt{What: "grow", Reason: reason, By: "the stream"}, a.Obey)
	return err
}
