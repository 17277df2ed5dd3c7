package workflows

import (
	"cmp"
	"slices"

	"go.temporal.io/sdk/workflow"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

func (s *inference) validateScale(r job.ScaleRequest) error {
	if r.Shards < 1 {
		return invalid("%d shards are none; a stream needs one at least", r.Shards)
	}
	return s.open()
}

// scale divides the partitions anew. Shards that keep their partitions run on. The others
// drain; then their owners are retired in Kafka, frozen ones included; only then do the
// new shards begin, at the offsets that stand.
func (s *inference) scale(ctx workflow.Context, r job.ScaleRequest) (job.ScaleReceipt, error) {
	receipt := job.ScaleReceipt{Reason: r.Reason, By: r.By}
	done, err := s.take(ctx)
	if err != nil {
		return receipt, err
	}
	defer done()
	plan := &s.status.Plan
	now := slices.Clone(plan.Shards)
	want := plan.Divide(r.Shards)
	for _, sh := range now {
		if slices.ContainsFunc(want, sh.Same) {
			receipt.Kept = append(receipt.Kept, sh)
		} else {
			receipt.Ended = append(receipt.Ended, sh)
		}
	}
	if len(receipt.Ended) > 0 {
		err = s.redivide(ctx, want)
	}
	receipt.Shards, receipt.At = slices.Clone(plan.Shards), workflow.Now(ctx)
	if err != nil {
		return receipt, err
	}
	var a *activities.Stream
	_, err = s.settle(ctx, job.ControlReceipt{What: "scale", Reason: r.Reason, By: r.By}, a.Obey)
	return receipt, err
}

// redivide ends the shards that are not wanted and starts those that are not there.
func (s *inference) redivide(ctx workflow.Context, want []job.Shard) error {
	s.dividing = true
	defer func() { s.dividing = false }()
	unwanted := func(sh *shard) bool { return !slices.ContainsFunc(want, sh.Shard.Same) }
	for _, sh := range s.shards {
		sh.leaving = unwanted(sh)
	}
	if err := workflow.Await(ctx, func() bool {
		return !slices.ContainsFunc(s.shards, func(sh *shard) bool { return sh.leaving && !sh.ended })
	}); err != nil {
		return err
	}
	before := s.status.Plan.Shards
	s.status.Plan.Shards = want
	s.status.Plan.Orders.Generation++
	err := s.claim(ctx)
	if err != nil {
		s.status.Plan.Shards = before // nobody else has begun: who owned the partitions goes on
	}
	s.shards = slices.DeleteFunc(s.shards, func(sh *shard) bool { return sh.leaving })
	for _, it := range s.status.Plan.Shards {
		if slices.ContainsFunc(s.shards, func(sh *shard) bool { return sh.Shard.Same(it) }) {
			continue
		}
		fresh := s.fresh(ctx, it)
		s.shards = append(s.shards, fresh)
		s.start(fresh)
	}
	slices.SortStableFunc(s.shards, func(a, b *shard) int {
		return cmp.Or(cmp.Compare(a.Shard.Stage, b.Shard.Stage), cmp.Compare(a.Shard.Partitions[0], b.Shard.Partitions[0]))
	})
	s.describe(ctx)
	return err
}

// claim makes the plan's division the only one that can commit. It waits for Kafka and the
// object store as long as it takes, but not longer than the stream is wanted.
func (s *inference) claim(ctx workflow.Context) error {
	within, cancel := workflow.WithCancel(ctx)
	defer cancel()
	var a *activities.Stream
	claimed := workflow.ExecuteActivity(dividing(within, "retire the owners of the division before"), a.Divide, job.DivideRequest{Plan: s.status.Plan, Stood: slices.Clone(s.stood)})
	if err := workflow.Await(ctx, func() bool { return claimed.IsReady() || s.stopping }); err != nil {
		return err
	}
	if !claimed.IsReady() {
		return s.open()
	}
	return claimed.Get(ctx, nil)
}
