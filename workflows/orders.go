package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// handle registers what a running stream answers to. Orders are carried out one after the
// other. An order first becomes part of the plan, so that a loop which starts anywhere
// obeys it, and is then given to every loop that runs; it is answered when all have obeyed.
func (s *inference) handle(ctx workflow.Context) error {
	for _, h := range []struct {
		name, description string
		handler, validate any
	}{
		{job.AttachUpdate, "join the stream, started or not: answers when it knows its topics and its model", s.attach, nil},
		{job.StopUpdate, "drain every shard and end the stream", s.stop, s.validateStop},
		{job.SwapUpdate, "score with another model from here on", s.swap, s.validateSwap},
		{job.PauseUpdate, "read no more records, keep the partitions", s.pause, s.validatePause},
		{job.ResumeUpdate, "read records again", s.resume, s.validatePause},
		{job.RateUpdate, "limit the records read a second; 0 lifts the limit", s.rate, s.validateRate},
		{job.SeekUpdate, "go on at other offsets", s.seek, s.validateSeek},
		{job.SnapshotUpdate, "write down where the stream stands", s.snapshot, s.validateSnapshot},
		{job.ScaleUpdate, "divide the partitions into another number of shards", s.scale, s.validateScale},
		{job.WelcomeUpdate, "take a worker on", s.welcome, nil},
	} {
		if err := workflow.SetUpdateHandlerWithOptions(ctx, h.name, h.handler, workflow.UpdateHandlerOptions{
			Validator: h.validate, Description: h.description,
		}); err != nil {
			return err
		}
	}
	return nil
}

// open reports whether the stream takes orders.
func (s *inference) open() error {
	switch {
	case s.stopping || s.status.State == job.StreamStopped:
		return temporal.NewApplicationError("the stream is being stopped", job.ErrTypeInvalid)
	case s.rolling:
		return temporal.NewApplicationError("the stream is handing over to a new history; ask again in a second", job.ErrTypeBusy)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return temporal.NewApplicationError(fmt.Sprintf(format, args...), job.ErrTypeInvalid)
}

// take waits for the orders before, and for the stream to have begun. Call the answer when
// the order is done.
func (s *inference) take(ctx workflow.Context) (done func(), err error) {
	s.orders++
	err = workflow.Await(ctx, func() bool { return s.discovered && !s.busy || s.failed != nil || s.open() != nil })
	if err == nil {
		err = s.failed
	}
	if err == nil {
		err = s.open()
	}
	if err != nil {
		s.orders--
		return nil, err
	}
	s.busy = true
	return func() { s.busy = false; s.orders-- }, nil
}

// order changes the plan and has every loop obey.
func (s *inference) order(ctx workflow.Context, receipt job.ControlReceipt, change func(*job.StreamPlan)) (job.ControlReceipt, error) {
	change(&s.status.Plan)
	s.status.Plan.Orders.Generation++
	var a *activities.Stream
	return s.settle(ctx, receipt, a.Obey)
}

// settle asks every shard, and makes the receipt of the answers.
func (s *inference) settle(ctx workflow.Context, receipt job.ControlReceipt, ask any) (job.ControlReceipt, error) {
	shards := slices.Clone(s.shards)
	receipt.Shards = make([]job.ShardReceipt, len(shards))
	errs := make([]error, len(shards))
	all := workflow.NewWaitGroup(ctx)
	for i, sh := range shards {
		all.Add(1)
		workflow.GoNamed(ctx, fmt.Sprintf("%s-%d", receipt.What, sh.Shard.ID), func(ctx workflow.Context) {
			defer all.Done()
			receipt.Shards[i], errs[i] = s.ask(ctx, sh, ask, receipt.What)
		})
	}
	all.Wait(ctx)
	if err := errors.Join(errs...); err != nil {
		return receipt, first(errs)
	}
	for _, sh := range receipt.Shards {
		for _, p := range sh.Partitions {
			s.keep(sh.Shard.Stage, p.Partition, p.Next)
		}
	}
	receipt.Generation, receipt.Model, receipt.At = s.status.Plan.Orders.Generation, s.status.Plan.Model, workflow.Now(ctx)
	s.status.Receipt = &receipt
	s.describe(ctx)
	return receipt, nil
}

// look asks something that an order depends on. It is tried again while the services that
// know are away, but not for ever, since the orders after it wait, and not after a stop.
func (s *inference) look(ctx workflow.Context, summary string, question, arg, answer any) error {
	within, cancel := workflow.WithCancel(ctx)
	defer cancel()
	found := workflow.ExecuteActivity(answering(within, summary), question, arg)
	if err := workflow.Await(ctx, func() bool { return found.IsReady() || s.stopping }); err != nil {
		return err
	}
	if !found.IsReady() {
		return s.open()
	}
	return found.Get(ctx, answer)
}

func first(errs []error) error {
	return errs[slices.IndexFunc(errs, func(err error) bool { return err != nil })]
}

// ask puts a question to the loop of a shard until it is answered: a loop that dies before
// is asked again where it lives next, under the same orders.
func (s *inference) ask(ctx workflow.Context, sh *shard, question any, what string) (job.ShardReceipt, error) {
	var answer job.ShardReceipt
	for {
		if err := workflow.Await(ctx, func() bool { return sh.State == job.ShardRunning || s.over(sh) }); err != nil {
			return answer, err
		}
		if s.over(sh) {
			return answer, temporal.NewApplicationError("the stream ended before shard "+fmt.Sprint(sh.Shard.ID)+" had answered", job.ErrTypeBusy)
		}
		segment := sh.Segment
		req := s.control(sh)
		req.Plan = &s.status.Plan
		err := workflow.ExecuteActivity(asking(ctx, sh.Lease, what+" "+shardName(sh)), question, req).Get(ctx, &answer)
		if err == nil || isFinal(err) || ctx.Err() != nil {
			return answer, err
		}
		if _, err := workflow.AwaitWithTimeout(ctx, time.Second, func() bool { return sh.Segment != segment || s.over(sh) }); err != nil {
			return answer, err
		}
	}
}

// isFinal reports that asking again gets the same answer.
func isFinal(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && slices.Contains(final, app.Type())
}
