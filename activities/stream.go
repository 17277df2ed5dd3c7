package activities

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/serving"
	"temporal-streaming/internal/stream"
)

// errWorkerStops is the cause with which work is left when the worker is asked to stop.
var errWorkerStops = errors.New("the worker is stopping")

// errGrown is the cause with which a segment ends when there are partitions that nobody reads.
var errGrown = errors.New("the topic has more partitions than the plan")

// Stream has the activities of workflow Inference. Lease and Discover are for any
// worker; Segment, Drain and Detach are for the one whose queue they are sent to.
type Stream struct {
	Serving *serving.Server
	Host    *stream.Host
	Queue   string // this worker's own task queue
	Worker  string // identity, for people
	Console io.Writer
	Metrics Metrics
	Journal Journal
	Logger  *slog.Logger
}

// Journal remembers which loops run in this process, beyond its death: the process that is
// started in its place resumes them at once.
type Journal interface {
	Keep(key string, req job.SegmentRequest) // the loop starts
	Change(key string, plan job.StreamPlan)  // it is about to obey new orders
	Alive(key string, stood []job.Position)  // it has reported; what is known to be committed
	Drop(key string)                         // it has ended
}

// Metrics hears how the loops of this process are doing.
type Metrics interface {
	Observe(pipeline string, shard job.Shard, p stream.Progress)
	Forget(pipeline string, shard job.Shard) // the shard's loop runs here no more
}

// Discover finds the partitions to read, the model to score with, and the workers that
// wait for work.
func (s *Stream) Discover(ctx context.Context, req job.InferenceRequest) (job.StreamPlan, error) {
	plan, err := s.Serving.Plan(ctx, req)
	if err != nil {
		return plan, mapped(err)
	}
	if plan.Workers, err = s.workers(ctx); err != nil {
		// Only a matter of placement: a shard for which no worker is known goes to any.
		s.Logger.Warn("could not find out which workers there are", "error", err)
	}
	return plan, nil
}

// Lease offers this worker for a shard.
func (s *Stream) Lease(context.Context, job.LeaseRequest) (job.Lease, error) {
	return job.Lease{Queue: s.Queue, Worker: s.Worker}, nil
}

// Segment drives a shard's loop for a bounded time and returns where it stood. The loop
// runs in the host: it is adopted if it runs already, and it runs on when the segment
// ends for any reason but a stop.
func (s *Stream) Segment(ctx context.Context, req job.SegmentRequest) (job.Segment, error) {
	key := shardKey(req.Plan.Pipeline, req.Shard)
	session, err := s.attach(ctx, req)
	if err != nil {
		return job.Segment{}, mapped(err)
	}
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go cancelOnStop(within, activity.GetWorkerStopChannel(ctx), cancel)
	outcome, last, err := session.Wait(within, func(p stream.Progress) {
		if unread(&p, req) && len(req.Plan.Stages) == 0 {
			cancel(errGrown)
		}
		s.Metrics.Observe(req.Plan.Pipeline, req.Shard, p)
		activity.RecordHeartbeat(ctx, progress(p, req.Shard))
	})
	unread(&last, req)
	// The last report may have come at the same moment as the end: the fault in it counts.
	s.Metrics.Observe(req.Plan.Pipeline, req.Shard, last)
	result, err := s.ended(req.Shard, key, outcome, last, err)
	if !s.Host.Runs(key) {
		s.Metrics.Forget(req.Plan.Pipeline, req.Shard)
		s.Journal.Drop(key)
	}
	return result, err
}

// unread reports that the topic has partitions which are not in the plan. A stream with stages cannot take them in: what
// it knows of a key stands with the partition that the key had. That is for a person to decide about.
func unread(p *stream.Progress, req job.SegmentRequest) bool {
	stage := req.Plan.Stage(req.Shard.Stage)
	if p.TopicPartitions <= stage.Partitions {
		return false
	}
	if len(req.Plan.Stages) > 0 && p.Stuck == "" {
		p.Stuck = fmt.Sprintf("%s has %d partitions, and the stream reads the %d that it began with; keys with a history may have moved to the others."+
			" Send to the first %d only; docs/failures.md, a topic that grows, says what else can be done", stage.Topic, p.TopicPartitions, stage.Partitions, stage.Partitions)
	}
	return true
}

// attach joins or starts the shard's loop. One that runs under older orders, since it was
// out of reach when they were given, obeys these first.
func (s *Stream) attach(ctx context.Context, req job.SegmentRequest) (*stream.Session, error) {
	defer beat(ctx)() // a model may have to be fetched, and a loop to drain
	key := shardKey(req.Plan.Pipeline, req.Shard)
	a := s.attachment(ctx, req)
	a.Lasts, a.Owner = time.Duration(req.Lasts), stillOwner(ctx)
	session, err := s.Host.Attach(ctx, a)
	if err != nil || s.Host.Generation(key) >= req.Plan.Orders.Generation {
		return session, err
	}
	orders, err := s.Serving.Orders(ctx, req.Plan, req.Shard)
	if err != nil {
		return nil, err
	}
	if _, err = s.Host.Obey(ctx, key, orders); err != nil && !errors.Is(err, stream.ErrNoLoop) {
		return nil, err
	}
	return session, nil
}

// attachment is how the loop of a shard is joined or started in this process.
func (s *Stream) attachment(ctx context.Context, req job.SegmentRequest) stream.Attachment {
	key := shardKey(req.Plan.Pipeline, req.Shard)
	return stream.Attachment{
		Key:   key,
		Wants: fmt.Sprintf("%s of %s to %s, %s, %s", req.Plan.Stage(req.Shard.Stage).Topic, req.Plan.Group, req.Plan.Output, req.Plan.DeadLetters, req.Plan.Sink),
		Launch: func(h stream.Hooks) (stream.Runner, error) {
			report := h.Progress
			h.Progress = func(p stream.Progress) {
				s.Journal.Alive(key, stood(p, req.Shard))
				report(p)
			}
			loop, err := s.Serving.Loop(ctx, req, h, s.Console)
			if err == nil {
				s.Journal.Keep(key, req)
			}
			return loop, err
		},
	}
}

// stood is what a loop knows to be committed: a broker that answers less to its successor has
// forgotten it.
func stood(p stream.Progress, shard job.Shard) (positions []job.Position) {
	for _, q := range p.Partitions {
		if q.Next >= 0 {
			positions = append(positions, job.Position{Stage: shard.Stage, Partition: q.Partition, Offset: q.Next})
		}
	}
	return positions
}

// ended turns the end of a session into the segment's result. Only an end that somebody
// wanted is one; a lost connection to Temporal leaves the loop running and fails the
// attempt, which by then Temporal has given up anyway.
func (s *Stream) ended(shard job.Shard, key string, outcome stream.Outcome, last stream.Progress, err error) (job.Segment, error) {
	var disowned *serviceerror.NotFound
	switch {
	case outcome == stream.BudgetSpent:
		return job.Segment{End: job.EndBudget, Progress: progress(last, shard)}, nil
	case outcome == stream.SessionEnded:
		return job.Segment{End: job.EndDetached, Progress: progress(last, shard)}, nil
	case outcome == stream.LoopEnded && err == nil:
		return job.Segment{End: job.EndStopped, Progress: progress(last, shard)}, nil
	case outcome == stream.LoopEnded:
		return job.Segment{}, mapped(err)
	case outcome == stream.LoopStuck:
		s.Logger.Error("a loop is stuck; another one takes its place, and fences it", "shard", key, "error", err,
			"fault", string(stream.FaultStuck), "do", "nothing now; if it happens again, restart this worker and look at the record that the error names")
		return job.Segment{}, mapped(err)
	case errors.Is(err, errGrown):
		return job.Segment{End: job.EndGrown, Progress: progress(last, shard)}, nil
	case errors.Is(err, errWorkerStops):
		return s.drained(shard, key, job.EndLeaving)
	case temporal.IsCanceledError(err): // asked by the server: the workflow was cancelled
		return s.drained(shard, key, job.EndStopped)
	case errors.As(err, &disowned):
		// Temporal answers, and knows this attempt no more: it was given up while this process
		// was frozen or cut off. The shard is somebody else's, or the stream has ended.
		s.Logger.Warn("the shard was taken away; its loop drains", "shard", key, "error", err)
		return s.drained(shard, key, job.EndStopped)
	default:
		s.Logger.Warn("lost touch with Temporal; the loop goes on, and the next segment adopts it", "shard", key, "error", err)
		return job.Segment{}, temporal.NewApplicationError("lost touch with Temporal: "+err.Error(), "Detached")
	}
}

func (s *Stream) drained(shard job.Shard, key string, end job.End) (job.Segment, error) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	last, err := s.Host.Drain(ctx, key)
	if errors.Is(err, stream.ErrNoLoop) {
		err = nil // it ended by itself at the same moment
	}
	return job.Segment{End: end, Progress: progress(last, shard)}, mapped(err)
}

// drainTime bounds a drain that nobody waits for with a timeout of their own.
const drainTime = time.Minute

// Drain ends a shard's loop after the batch in hand, and says where it stood.
func (s *Stream) Drain(ctx context.Context, req job.ControlRequest) (job.Progress, error) {
	defer beat(ctx)()
	key := shardKey(req.Pipeline, req.Shard)
	p, err := s.Host.Drain(ctx, key)
	if errors.Is(err, stream.ErrNoLoop) {
		return job.Progress{}, nil
	}
	if !s.Host.Runs(key) {
		s.Journal.Drop(key)
	}
	return progress(p, req.Shard), mapped(err)
}

// Detach ends a shard's segment and leaves its loop running for the next one.
func (s *Stream) Detach(_ context.Context, req job.ControlRequest) error {
	if err := s.Host.Detach(shardKey(req.Pipeline, req.Shard)); !errors.Is(err, stream.ErrNoLoop) {
		return mapped(err)
	}
	return nil
}

// stillOwner answers a loop that was fenced. Temporal ends the context of an attempt
// that it has given up at the next heartbeat, half a second away at most, so a context that
// is still alive after three of them means that the lease stands.
func stillOwner(ctx context.Context) func(context.Context) bool {
	return func(loop context.Context) bool {
		select {
		case <-ctx.Done():
			return false
		case <-loop.Done():
			return false
		case <-time.After(1500 * time.Millisecond):
			return true
		}
	}
}

func cancelOnStop(ctx context.Context, stopping <-chan struct{}, cancel context.CancelCauseFunc) {
	select {
	case <-stopping:
		cancel(errWorkerStops)
	case <-ctx.Done():
	}
}

func shardKey(pipeline string, shard job.Shard) string {
	if shard.Stage > 0 {
		return fmt.Sprintf("%s/stage-%d/%v", pipeline, shard.Stage, shard.Partitions)
	}
	return fmt.Sprintf("%s/%v", pipeline, shard.Partitions)
}

// progress is a loop's progress as it appears in heartbeats and results.
func progress(p stream.Progress, shard job.Shard) job.Progress {
	out := job.Progress{
		Stage: shard.Stage, Forwarded: p.Forwarded, Replay: p.Replay,
		Records: p.Records, Predictions: p.Predictions, DeadLetters: p.DeadLetters, Commits: p.Commits, Aborts: p.Aborts,
		RatePerSecond: p.RecordsPerSecond, P50Millis: p.P50Millis, P99Millis: p.P99Millis,
		Model:      job.ModelRef{Name: p.Model, Version: p.ModelVersion},
		Generation: p.Generation, Paused: p.Paused, Limit: p.Limit,
		State: string(p.State), Stuck: p.Stuck, Throttled: p.Throttled > 0,
		LastError: p.LastError, LastErrorAt: p.LastErrorAt, LastCommit: p.LastCommit, At: p.At, TopicPartitions: p.TopicPartitions,
	}
	for _, q := range p.Partitions {
		out.Partitions = append(out.Partitions, job.PartitionProgress{Partition: q.Partition, Offset: q.Next, High: q.High, Lag: q.Lag})
	}
	return out
}
