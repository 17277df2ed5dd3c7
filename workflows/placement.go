package workflows

import (
	"errors"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// The workflow keeps a roster of workers: those that waited for work when the stream
// began, those that said that they have started, and those that offered themselves. It
// asks the one that should have a shard on that worker's own queue; one that does not
// answer at once leaves the roster until it is heard of again. When nobody on the roster
// answers, the shard is offered on the queue that all workers share.

// lease finds a worker for a shard, and gives up when the shard gets no further segment.
func (s *inference) lease(ctx workflow.Context, sh *shard) (job.Lease, error) {
	defer func() { sh.trying, sh.move = "", nil }()
	for s.placing && !s.over(sh) && ctx.Err() == nil {
		next, known := s.place(sh)
		if !known {
			break
		}
		sh.trying = next.Queue
		lease, err := s.offer(leasingFrom(ctx, next, shardName(sh)), sh)
		if err == nil {
			return lease, nil
		}
		s.dismiss(next)
	}
	sh.trying = ""
	lease, err := s.offer(leasing(ctx, shardName(sh)), sh)
	if err == nil && lease.Queue != "" {
		s.enlist(lease)
	}
	return lease, err
}

func (s *inference) offer(ctx workflow.Context, sh *shard) (job.Lease, error) {
	var a *activities.Stream
	var lease job.Lease
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	offer := workflow.ExecuteActivity(ctx, a.Lease, job.LeaseRequest{Pipeline: s.req.Pipeline, Shard: sh.Shard})
	if err := workflow.Await(ctx, func() bool { return offer.IsReady() || s.over(sh) }); err != nil {
		return lease, err
	}
	if !offer.IsReady() {
		return lease, nil
	}
	return lease, offer.Get(ctx, &lease)
}

// place chooses a worker: the one that the shard moves to, else the one that had it last,
// whose loop may still run, else the one with the fewest shards.
func (s *inference) place(sh *shard) (job.Lease, bool) {
	workers := s.status.Workers
	if sh.move != nil && slices.Contains(workers, *sh.move) {
		return *sh.move, true
	}
	if slices.Contains(workers, sh.Lease) {
		return sh.Lease, true
	}
	if len(workers) == 0 {
		return job.Lease{}, false
	}
	return slices.MinFunc(workers, func(a, b job.Lease) int { return s.load(a, sh) - s.load(b, sh) }), true
}

// load is how many shards a worker has, is about to have, or is asked to take, besides one.
func (s *inference) load(w job.Lease, besides *shard) int {
	n := 0
	for _, sh := range s.shards {
		if sh != besides && !sh.leaving && sh.at() == w.Queue {
			n++
		}
	}
	return n
}

// at is the queue of the worker that a shard is at, or on its way to.
func (sh *shard) at() string {
	switch {
	case sh.move != nil:
		return sh.move.Queue
	case sh.trying != "":
		return sh.trying
	}
	return sh.Lease.Queue
}

func (s *inference) enlist(w job.Lease) {
	if !slices.Contains(s.status.Workers, w) {
		s.status.Workers = append(s.status.Workers, w)
	}
}

func (s *inference) dismiss(w job.Lease) {
	s.status.Workers = slices.DeleteFunc(s.status.Workers, func(o job.Lease) bool { return o.Queue == w.Queue })
}

// missed takes a worker that did not pick a segment up off the roster. One whose heartbeats
// stay away may only be slow, and its loop may run: it is asked again first.
func (s *inference) missed(sh *shard, err error) {
	var timeout *temporal.TimeoutError
	if !errors.As(err, &timeout) {
		return
	}
	var last job.Progress
	if timeout.HasLastHeartbeatDetails() && timeout.LastHeartbeatDetails(&last) == nil {
		s.learn(sh, last)
	}
	if timeout.TimeoutType() == scheduleToStart {
		s.dismiss(sh.Lease)
	}
}

// welcome takes a worker on, and moves shards to it until all have about as many.
func (s *inference) welcome(ctx workflow.Context, w job.Lease) (job.Welcome, error) {
	s.enlist(w)
	var answer job.Welcome
	if !s.ending() {
		answer.Moved = s.spread()
	}
	s.describe(ctx)
	return answer, nil
}

// spread moves shards from the busiest workers to the idlest, while that helps. A shard
// that moves commits what it has in hand before it goes.
func (s *inference) spread() []job.Shard {
	var moved []job.Shard
	workers := s.status.Workers
	if len(workers) < 2 {
		return nil
	}
	for {
		byLoad := func(a, b job.Lease) int { return s.load(a, nil) - s.load(b, nil) }
		least, most := slices.MinFunc(workers, byLoad), slices.MaxFunc(workers, byLoad)
		if s.load(most, nil)-s.load(least, nil) < 2 {
			return moved
		}
		i := slices.IndexFunc(s.shards, func(sh *shard) bool {
			return sh.at() == most.Queue && sh.State == job.ShardRunning && sh.move == nil && !sh.leaving
		})
		if i < 0 {
			return moved
		}
		s.shards[i].move = &least
		moved = append(moved, s.shards[i].Shard)
	}
}
