package workflows

import (
	"fmt"
	"slices"
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
// While it runs it takes orders (orders.go) and can be divided anew (scale.go), without a
// stop of the shards that are not concerned.
//
// The truth about progress is in Kafka, with the predictions; what stands here is
// for people. A loop outlives its segment, so neither the end of a segment nor a new
// history makes a pause in the stream.
func Inference(ctx workflow.Context, req job.InferenceRequest) (*job.StopReceipt, error) {
	s := &inference{req: req, root: ctx}
	if err := s.setup(ctx); err != nil {
		return nil, err
	}
	return s.run(ctx)
}

// inference is the state of one run.
type inference struct {
	req      job.InferenceRequest
	root     workflow.Context // of the run: shards outlive the handler that starts them
	status   job.InferenceStatus
	shards   []*shard
	segments int64

	discovered bool
	stopping   bool  // drain and end
	hurried    bool  // and leave what later stages have not read
	bounded    bool  // the wait for them has an end
	rolling    bool  // end the segments, keep the loops, continue as new
	failed     error // Discover did not succeed

	live     int            // shards that are driven
	orders   int            // that are carried out, or wait for the one before
	busy     bool           // an order is carried out
	dividing bool           // shards have ended, and others take their place
	growing  int            // to how many partitions, while those that were added are taken in; else 0
	stood    []job.Position // of each partition: the newest that is known to be committed, by partition
	placing  bool           // whether this run chooses workers; those that began earlier take any
}

// shard is one shard of a run.
type shard struct {
	job.ShardStatus
	end     job.End    // how its last segment ended; empty: with an error, or there was none
	trying  string     // queue of the worker that is asked for a lease
	move    *job.Lease // drain, and go on there
	leaving bool       // drain, and end: its partitions are divided anew
	ended   bool

	finished bool // of a later stage, when the stream stops: its topic has nothing left to read
}

func (s *inference) setup(ctx workflow.Context) error {
	s.status = job.InferenceStatus{State: job.StreamStarting, Started: workflow.Now(ctx), Runs: 1}
	s.status.Plan.Pipeline = s.req.Pipeline
	if c := s.req.Carried; c != nil {
		s.status.Plan, s.status.Started, s.status.Workers, s.status.Receipt = c.Plan, c.Started, c.Workers, c.Receipt
		s.status.Runs, s.segments, s.discovered = c.Runs+1, c.Segments, true
		s.stood, s.status.Note = c.Stood, c.Note
		for _, sh := range c.Shards {
			s.shards = append(s.shards, &shard{ShardStatus: sh})
		}
	}
	if err := workflow.SetQueryHandler(ctx, job.StatusQuery, func() (job.InferenceStatus, error) {
		return s.view(), nil
	}); err != nil {
		return err
	}
	return s.handle(ctx)
}

// view is the status as it is now.
func (s *inference) view() job.InferenceStatus {
	v := s.status
	v.Shards = make([]job.ShardStatus, len(s.shards))
	for i, sh := range s.shards {
		v.Shards[i] = sh.ShardStatus
	}
	v.Workers = slices.Clone(s.status.Workers)
	return v
}

func (s *inference) run(ctx workflow.Context) (*job.StopReceipt, error) {
	if err := s.discover(ctx); err != nil {
		s.failed = err
		_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
		return nil, err
	}
	s.show(ctx, job.StreamRunning)
	s.limit()
	for _, sh := range s.shards {
		s.start(sh)
	}
	last, _ := workflow.NewDisconnectedContext(ctx)
	_ = workflow.Await(last, func() bool { return s.live == 0 && !s.dividing })

	if s.rolling && ctx.Err() == nil {
		// A stop that comes now is for this history to answer, not for the next.
		_ = workflow.Await(ctx, func() bool { return s.stopping || workflow.AllHandlersFinished(ctx) })
		if !s.stopping && ctx.Err() == nil {
			return nil, workflow.NewContinueAsNewError(ctx, Inference, s.carry())
		}
	}
	cancelled := ctx.Err()
	s.release(last)
	s.show(ctx, job.StreamStopped)
	if err := workflow.Await(last, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return nil, err
	}
	return &job.StopReceipt{Shards: s.view().Shards}, cancelled
}

// discover asks Kafka for the partitions, divides them, and asks MLflow for the model,
// once in the life of the stream; later runs carry the answer.
func (s *inference) discover(ctx workflow.Context) error {
	if !s.discovered {
		mark(ctx, pipelineAttribute.ValueSet(s.req.Pipeline), streamState.ValueSet(string(job.StreamStarting)))
		var a *activities.Stream
		if err := workflow.ExecuteActivity(lookup(ctx, "find topics, partitions, the model and the workers"), a.Discover, s.req).Get(ctx, &s.status.Plan); err != nil {
			return err
		}
		for _, w := range s.status.Plan.Workers {
			s.enlist(w)
		}
		s.status.Plan.Workers = nil
		for _, it := range s.status.Plan.Shards {
			s.shards = append(s.shards, s.fresh(ctx, it))
		}
		s.discovered = true
		mark(ctx, modelVersion.ValueSet(s.status.Plan.Model.Version))
	}
	s.placing = workflow.GetVersion(ctx, "placement", workflow.DefaultVersion, 1) >= 1
	return nil
}

func (s *inference) fresh(ctx workflow.Context, it job.Shard) *shard {
	return &shard{ShardStatus: job.ShardStatus{Shard: it, State: job.ShardLeasing, Since: workflow.Now(ctx)}}
}

// start drives a shard until it ends.
func (s *inference) start(sh *shard) {
	s.live++
	workflow.GoNamed(s.root, fmt.Sprintf("shard-%d", sh.Shard.ID), func(ctx workflow.Context) {
		defer func() { s.live--; sh.ended = true }()
		s.runShard(ctx, sh)
	})
}

// release drains what may still run, and leaves every shard stopped: one rank after the other,
// so that what an earlier stage forwards to the end is still read.
func (s *inference) release(ctx workflow.Context) {
	for _, rank := range s.ranks() {
		all := workflow.NewWaitGroup(ctx)
		for _, sh := range rank {
			all.Add(1)
			workflow.GoNamed(ctx, fmt.Sprintf("release-%d", sh.Shard.ID), func(ctx workflow.Context) {
				defer all.Done()
				if s.stopping && s.awaited(sh) {
					_ = s.finish(ctx, sh) // without a loop there is nothing to finish here: the next stream reads it
				}
				s.drain(ctx, sh)
				s.enter(ctx, sh, job.ShardStopped)
			})
		}
		all.Wait(ctx)
	}
}

// ending reports that no further segment is to be started.
func (s *inference) ending() bool { return s.stopping || s.rolling }

// show sets the state that people see.
func (s *inference) show(ctx workflow.Context, state job.StreamState) {
	if s.status.State != state {
		s.status.State = state
		mark(ctx, streamState.ValueSet(string(state)))
	}
	s.describe(ctx)
}

func (s *inference) describe(ctx workflow.Context) {
	v := s.view()
	workflow.SetCurrentDetails(ctx, streamDetails(&v))
}

func (s *inference) carry() job.InferenceRequest {
	next, v := s.req, s.view()
	next.Carried = &job.Carried{
		Plan: v.Plan, Shards: v.Shards, Started: v.Started, Runs: v.Runs, Segments: s.segments,
		Workers: v.Workers, Receipt: v.Receipt, Note: v.Note, Stood: s.stood,
	}
	return next
}

// attach answers once there is something to tell. That the stream already ran is no
// error: starting a stream twice is how one joins it.
func (s *inference) attach(ctx workflow.Context, _ job.AttachRequest) (job.InferenceStatus, error) {
	if err := workflow.Await(ctx, func() bool { return s.discovered || s.failed != nil }); err != nil {
		return job.InferenceStatus{}, err
	}
	return s.view(), s.failed
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
	s.limit()
	s.status.Note = fmt.Sprintf("Stopped by %s at %s: %s", req.By, workflow.Now(ctx).UTC().Format(time.RFC3339), req.Reason)
	s.show(ctx, job.StreamStopping)
	err := workflow.Await(ctx, func() bool {
		return s.discovered && !slices.ContainsFunc(s.shards, func(sh *shard) bool { return sh.State != job.ShardStopped })
	})
	return job.StopReceipt{Shards: s.view().Shards}, err
}
