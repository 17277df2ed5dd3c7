package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"temporal-streaming/internal/job"
)

// Order is one of the updates that are answered with a job.ControlReceipt.
type Order struct {
	Update  string // job.SwapUpdate, job.PauseUpdate ...
	Request any    // the request that package job names for it
}

// Order has a running stream obey and waits for the receipt of every shard as long as ctx
// lives. It returns ErrNotRunning if no stream runs, and *Refused, with nothing changed, if
// the stream does not take the order.
func (t *Temporal) Order(ctx context.Context, pipeline string, o Order) (job.ControlReceipt, error) {
	return update[job.ControlReceipt](ctx, t, pipeline, o.Update, o.Request)
}

// Scale divides the partitions of a running stream anew; it waits and fails as Order does.
func (t *Temporal) Scale(ctx context.Context, pipeline string, request job.ScaleRequest) (job.ScaleReceipt, error) {
	return update[job.ScaleReceipt](ctx, t, pipeline, job.ScaleUpdate, request)
}

// Stop drains and ends the stream of a pipeline; it waits and fails as Order does.
func (t *Temporal) Stop(ctx context.Context, pipeline string, request job.StopRequest) (job.StopReceipt, error) {
	return update[job.StopReceipt](ctx, t, pipeline, job.StopUpdate, request)
}

// update sends an update until it is answered. All attempts carry one id, so the workflow
// obeys once however often the server's long poll ends before the answer is there. A
// stream that is busy, for the moment that a new history takes, has refused the order, and
// gets it as a new one.
func update[Receipt any](ctx context.Context, t *Temporal, pipeline, name string, request any) (Receipt, error) {
	var none Receipt
	options := client.UpdateWorkflowOptions{
		UpdateID:     uuid.NewString(),
		WorkflowID:   job.InferenceWorkflowID(pipeline),
		UpdateName:   name,
		Args:         []any{request},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	}
	for {
		var receipt Receipt
		handle, err := t.client.UpdateWorkflow(ctx, options)
		if err == nil {
			err = handle.Get(ctx, &receipt)
		}
		err = explain(err)
		var refused *Refused
		switch {
		case err == nil:
			return receipt, nil
		case errors.As(err, &refused) && refused.Type == job.ErrTypeBusy && rest(ctx):
			options.UpdateID = uuid.NewString()
			continue
		case errors.Is(err, ErrNoAnswer) && rest(ctx):
			continue
		case errors.Is(err, ErrNotFound):
			err = fmt.Errorf("%w: %w", ErrNotRunning, err)
		}
		return none, fmt.Errorf("%s the stream of %s: %w", name, pipeline, err)
	}
}

// rest is a moment between two polls; it tells whether ctx is still alive after it.
func rest(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(100 * time.Millisecond):
		return true
	}
}
