package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// Inference runs the stream of one pipeline for as long as it lives. It divides the
// input partitions among shards, leases each shard to a worker, and runs it there as
// a chain of bounded segments. It ends when somebody stops or cancels it; its result
// says where every partition stood then.
//
// The truth about progress is in Kafka, with the predictions; what stands here is
// for people. A loop outlives its segment, so neither the end of a segment nor a new
// history makes a pause in the stream.
func Inference(ctx workflow.Context, req job.InferenceRequest) (*job.StopReceipt, error) {
	s := &inference{req: req}
	if err := s.setup(ctx); err != nil {
		return nil, err
	}
	return s.run(ctx)
}

// inference is the state of one run.
type inference struct {
	req      job.InferenceRequest
	status   job.InferenceStatus
	segments int64

	discovered bool
	stopping   bool  // drain and end
	rolling    bool  // end the segments, keep the loops, continue as new
	failed     error // Discover did not succeed

	ends []job.End // how the last segment of each shard ended; empty: with an error, or there was none
}

func (s *inference) setup(ctx workflow.Context) error {
	s.status = job.InferenceStatus{State: job.StreamStarting, Started: workflow.Now(ctx), Runs: 1}
	s.status.Plan.Pipeline = s.req.Pipeline
	if c := s.req.Carried; c != nil {
		s.status.Plan, s.status.Shards, s.status.Started = c.Plan, c.Shards, c.Started
		s.status.Runs, s.segments, s.discovered = c.Runs+1, c.Segments, true
	}
	if err := workflow.SetQueryHandler(ctx, job.StatusQuery, func() (job.InferenceStatus, error) {
		return s.status, nil
	}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, job.AttachUpdate, s.attach, workflow.UpdateHandlerOptions{
		Description: "join the stream, started or not: answers when it knows its topics and its model",
	}); err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, job.StopUpdate, s.stop, workflow.UpdateHandlerOptions{
		Validator:   s.validateStop,
		Description: "drain every shard and end the stream",
	})
}

func (s *inference) run(ctx workflow.Context) (*job.StopReceipt, error) {
	if err := s.discover(ctx); err != nil {
		s.failed = err
		_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
		return nil, err
	}
	s.show(ctx, job.StreamRunning)
	s.runShards(ctx)

	if s.rolling && ctx.Err() == nil {
		// A stop that comes now is for this history to answer, not for the next.
		_ = workflow.Await(ctx, func() bool { return s.stopping || workflow.AllHandlersFinished(ctx) })
		if !s.stopping && ctx.Err() == nil {
			return nil, workflow.NewContinueAsNewError(ctx, Inference, s.carry())
		}
	}
	cancelled := ctx.Err()
	s.release(ctx)
	s.show(ctx, job.StreamStopped)
	last, _ := workflow.NewDisconnectedContext(ctx)
	if err := workflow.Await(last, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return nil, err
	}
	return &job.StopReceipt{Shards: s.status.Shards}, cancelled
}

// discover asks Kafka for the partitions, divides them, and asks MLflow for the model,
// once in the life of the stream; later runs carry the answer.
func (s *inference) discover(ctx workflow.Context) error {
	if s.discovered {
		return nil
	}
	mark(ctx, pipelineAttribute.ValueSet(s.req.Pipeline), streamState.ValueSet(string(job.StreamStarting)))
	var a *activities.Stream
	if err := workflow.ExecuteActivity(lookup(ctx, "find topics, partitions and the model"), a.Discover, s.req).Get(ctx, &s.status.Plan); err != nil {
		return err
	}
	for _, shard := range s.status.Plan.Shards {
		s.status.Shards = append(s.status.Shards, job.ShardStatus{Shard: shard, State: job.ShardLeasing, Since: workflow.Now(ctx)})
	}
	s.discovered = true
	mark(ctx, modelVersion.ValueSet(s.status.Plan.Model.Version))
	return nil
}

// runShards returns when no segment runs any more.
func (s *inference) runShards(ctx workflow.Context) {
	s.ends = make([]job.End, len(s.status.Shards))
	s.each(ctx, s.runShard)
}

// release drains what may still run, and leaves every shard stopped.
func (s *inference) release(ctx workflow.Context) {
	last, _ := workflow.NewDisconnectedContext(ctx)
	s.each(last, func(ctx workflow.Context, i int) {
		s.drain(ctx, i)
		s.enter(ctx, &s.status.Shards[i], job.ShardStopped)
	})
}

// each does something for all shards at once.
func (s *inference) each(ctx workflow.Context, do func(workflow.Context, int)) {
	all := workflow.NewWaitGroup(ctx)
	for i := range s.status.Shards {
		all.Add(1)
		workflow.GoNamed(ctx, fmt.Sprintf("shard-%d", i), func(ctx workflow.Context) {
			defer all.Done()
			do(ctx, i)
		})
	}
	last, _ := workflow.NewDisconnectedContext(ctx)
	all.Wait(last)
}

// ending reports that no further segment is to be started.
func (s *inference) ending() bool { return s.stopping || s.rolling }

// show sets the state that people see.
func (s *inference) show(ctx workflow.Context, state job.StreamState) {
	if s.status.State != state {
		s.status.State = state
		mark(ctx, streamState.ValueSet(string(state)))
	}
	workflow.SetCurrentDetails(ctx, streamDetails(&s.status))
}

func (s *inference) carry() job.InferenceRequest {
	next := s.req
	next.Carried = &job.Carried{
		Plan: s.status.Plan, Shards: s.status.Shards, Started: s.status.Started,
		Runs: s.status.Runs, Segments: s.segments,
	}
	return next
}

// attach answers once there is something to tell. That the stream already ran is no
// error: starting a stream twice is how one joins it.
func (s *inference) attach(ctx workflow.Context, _ job.AttachRequest) (job.InferenceStatus, error) {
	if err := workflow.Await(ctx, func() bool { return s.discovered || s.failed != nil }); err != nil {
		return job.InferenceStatus{}, err
	}
	return s.status, s.failed
}

func (s *inference) validateStop(job.StopRequest) error {
	if s.status.State == job.StreamStopped {
		return temporal.NewApplicationError("the stream has stopped already", job.ErrTypeInvalid)
	}
	return nil
}

// stop ends the stream. Every shard sees the flag, drains and returns its last
// checkpoint; the receipt is complete when all have.
func (s *inference) stop(ctx workflow.Context, req job.StopRequest) (job.StopReceipt, error) {
	s.stopping = true
	s.status.Note = fmt.Sprintf("Stopped by %s at %s: %s", req.By, workflow.Now(ctx).UTC().Format(time.RFC3339), req.Reason)
	s.show(ctx, job.StreamStopping)
	err := workflow.Await(ctx, func() bool {
		for i := range s.status.Shards {
			if s.status.Shards[i].State != job.ShardStopped {
				return false
			}
		}
		return s.discovered
	})
	return job.StopReceipt{Shards: s.status.Shards}, err
}
