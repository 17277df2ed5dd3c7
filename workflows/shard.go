package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// runShard leases the shard and runs segments until the stream, or the shard, ends. Whatever
// ends a segment (its budget, a dead worker, a fenced loop, Kafka away for good), the answer
// is the same: lease again. The new loop fences the old one in Kafka, so two attempts
// that live at once cannot both commit.
func (s *inference) runShard(ctx workflow.Context, sh *shard) {
	for !s.over(sh) && ctx.Err() == nil {
		s.enter(ctx, sh, job.ShardLeasing)
		lease, err := s.lease(ctx, sh)
		if s.over(sh) {
			break
		}
		if err == nil {
			s.segments++
			sh.Lease, sh.Segment = lease, s.segments
			s.enter(ctx, sh, job.ShardRunning)
			sh.end, err = s.segment(ctx, sh)
		}
		if err == nil && sh.end == job.EndGrown {
			s.grow(sh.Last.TopicPartitions)
			_ = workflow.Await(ctx, func() bool { return s.over(sh) || s.growing == 0 })
		}
		s.note(ctx, sh, err)
		if wait := backoff(sh.Failures); wait > 0 && !s.over(sh) {
			// New orders may be the mend. Only a cancelled run ends this early, and the loop's
			// condition sees that.
			orders := s.status.Plan.Orders.Generation
			_, _ = workflow.AwaitWithTimeout(ctx, wait, func() bool { return s.over(sh) || s.status.Plan.Orders.Generation != orders })
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && !s.rolling && s.orders == 0 {
			s.rolling = true
			s.describe(ctx)
		}
	}
	if sh.leaving {
		s.drain(ctx, sh)
	}
}

// over reports that the shard gets no further segment in this run.
func (s *inference) over(sh *shard) bool {
	return sh.leaving || s.ending() && !(s.stopping && s.awaited(sh))
}

// segment runs one segment and keeps its checkpoint. When the stream is to end, or the
// shard to move, the running loop is told on its worker's own queue; if nobody answers
// there, the segment is cancelled, which a live worker also answers with a checkpoint.
func (s *inference) segment(ctx workflow.Context, sh *shard) (job.End, error) {
	var a *activities.Stream
	lasts := time.Duration(s.status.Plan.SegmentLasts)
	req := job.SegmentRequest{
		Plan: s.status.Plan, Shard: sh.Shard, Segment: sh.Segment, Lasts: s.status.Plan.SegmentLasts, Stood: s.stands(sh.Shard),
	}

	within, cancel := workflow.WithCancel(ctx)
	defer cancel()
	running := workflow.ExecuteActivity(segment(within, sh.Lease, lasts, shardName(sh)), a.Segment, req)
	_ = workflow.Await(ctx, func() bool { return running.IsReady() || s.over(sh) || s.due(sh) || sh.move != nil }) // a cancelled run goes on to wait for the checkpoint
	var unfinished error                                                                                           // of a shard that was to read to the end: it is leased again
	if !running.IsReady() && ctx.Err() == nil {
		finishing := s.due(sh) && !s.over(sh)
		err := s.tell(ctx, sh, finishing)
		if err != nil {
			cancel()
		}
		if finishing {
			unfinished = err
		}
	}
	var done job.Segment
	last, _ := workflow.NewDisconnectedContext(ctx)
	if err := running.Get(last, &done); err != nil {
		s.missed(sh, err)
		if unfinished != nil {
			err = unfinished // why it was cancelled
		}
		return "", err
	}
	if done.End == job.EndLeaving {
		s.dismiss(sh.Lease)
	}
	sh.Last = done.Progress
	s.learn(sh, done.Progress)
	return done.End, unfinished
}

// tell has the loop of a shard end, or its segment only.
func (s *inference) tell(ctx workflow.Context, sh *shard, finishing bool) error {
	if finishing {
		return s.finish(ctx, sh)
	}
	var a *activities.Stream
	var what any = a.Drain
	if s.rolling && !s.stopping {
		what = a.Detach
	}
	return workflow.ExecuteActivity(control(ctx, sh.Lease, "end "+shardName(sh)), what, s.control(sh)).Get(ctx, nil)
}

// drain ends a loop that may live on without a segment, as it does between two of them
// and while Temporal is away. A worker that does not answer has none.
func (s *inference) drain(ctx workflow.Context, sh *shard) {
	if sh.end == job.EndStopped || sh.end == job.EndLeaving || sh.Lease.Queue == "" {
		return
	}
	var a *activities.Stream
	var stood job.Progress
	if err := workflow.ExecuteActivity(control(ctx, sh.Lease, "drain "+shardName(sh)), a.Drain, s.control(sh)).Get(ctx, &stood); err != nil {
		workflow.GetLogger(ctx).Info("no loop to drain", "shard", sh.Shard.ID, "worker", sh.Lease.Worker, "error", err)
		return
	}
	sh.end = job.EndStopped
	if len(stood.Partitions) > 0 {
		sh.Last = stood
		s.learn(sh, stood)
	}
}

func (s *inference) control(sh *shard) job.ControlRequest {
	return job.ControlRequest{Pipeline: s.req.Pipeline, Shard: sh.Shard}
}

// note keeps the outcome of a segment for people. A cancelled run is no failure. Only
// failures in quick succession add up: a worker that dies once a minute is leased again
// at once each time.
func (s *inference) note(ctx workflow.Context, sh *shard, err error) {
	switch {
	case err == nil:
		sh.Failures, sh.LastError = 0, ""
	case temporal.IsCanceledError(err):
	case restarted(err):
		sh.Failures, sh.LastError = 0, segmentError(err) // the worker is back: nothing to wait for
	default:
		if sh.State == job.ShardRunning && workflow.Now(ctx).Sub(sh.Since) > healthy {
			sh.Failures = 0
		}
		sh.Failures++
		sh.LastError = segmentError(err)
	}
}

func (s *inference) enter(ctx workflow.Context, sh *shard, state job.ShardState) {
	if sh.State != state {
		sh.State, sh.Since = state, workflow.Now(ctx)
	}
	s.describe(ctx)
}

func restarted(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.Type() == job.ErrTypeRestarted
}

// segmentError says in one sentence why a segment ended.
func segmentError(err error) string {
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		return fmt.Sprintf("the worker stopped answering (%s timeout); leasing the shard again", timeout.TimeoutType())
	}
	return reason(err)
}

func shardName(sh *shard) string {
	if sh.Shard.Stage > 0 {
		return fmt.Sprintf("shard %d, stage %d, partitions %v", sh.Shard.ID, sh.Shard.Stage, sh.Shard.Partitions)
	}
	return fmt.Sprintf("shard %d, partitions %v", sh.Shard.ID, sh.Shard.Partitions)
}
