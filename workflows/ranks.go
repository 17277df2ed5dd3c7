package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// A stream of several stages stops in ranks: first those who read what comes from outside, the
// source and the labels, then each later stage, once it has read all that is left. So nothing
// lies between two stages when the stream has ended.

// rank is 0 for the source and the labels, and the number of the stage for later ones.
func (s *inference) rank(sh *shard) int {
	if s.status.Plan.Stage(sh.Shard.Stage).Kind == job.StageLabels {
		return 0
	}
	return sh.Shard.Stage
}

// ranks are the shards by rank.
func (s *inference) ranks() [][]*shard {
	var ranks [][]*shard
	for n := 0; len(slices.Concat(ranks...)) < len(s.shards); n++ {
		var rank []*shard
		for _, sh := range s.shards {
			if s.rank(sh) == n {
				rank = append(rank, sh)
			}
		}
		ranks = append(ranks, rank)
	}
	return ranks
}

// awaited reports that a shard has something left to read, or may still get it.
func (s *inference) awaited(sh *shard) bool { return s.rank(sh) > 0 && !sh.finished && !s.hurried }

// due reports that a shard that is awaited gets nothing more to read: all before it have ended.
func (s *inference) due(sh *shard) bool {
	return s.stopping && s.rank(sh) > 0 && !slices.ContainsFunc(s.shards, func(o *shard) bool {
		return s.rank(o) < s.rank(sh) && !o.ended
	})
}

// finish has the shard's loop read its topic to the end, and drains it.
func (s *inference) finish(ctx workflow.Context, sh *shard) error {
	if sh.Lease.Queue == "" {
		return nil
	}
	var a *activities.Stream
	var stood job.Progress
	req := s.control(sh)
	req.Plan = &s.status.Plan
	if err := workflow.ExecuteActivity(finishing(ctx, sh.Lease, "read the rest of "+shardName(sh)), a.Finish, req).Get(ctx, &stood); err != nil {
		return err
	}
	sh.finished = true
	if len(stood.Partitions) > 0 {
		sh.Last = stood
		s.learn(sh, stood)
	}
	return nil
}

// limit ends the wait for later stages when it takes too long, as when no worker lives.
func (s *inference) limit() {
	if s.bounded || !s.stopping || !slices.ContainsFunc(s.shards, func(sh *shard) bool { return s.rank(sh) > 0 }) {
		return
	}
	s.bounded = true
	workflow.GoNamed(s.root, "patience", func(ctx workflow.Context) {
		if workflow.Sleep(ctx, patience) == nil {
			s.hurried = true
		}
	})
}
