// Package activities adapts what the program can do to Temporal: each activity decodes
// its input, calls one method of a domain package, binds progress to heartbeats, and
// maps errors to Temporal's kinds. What is worth testing is in the packages they call.
package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/training"
)

// Training has the activities of workflow Train.
type Training struct {
	Trainer *training.Trainer
}

// Ingest finds the data set and checks it.
func (t *Training) Ingest(ctx context.Context, req job.TrainRequest) (job.Ingested, error) {
	defer beat(ctx)()
	out, err := t.Trainer.Ingest(ctx, req)
	return out, mapped(err)
}

// Engineer splits the data set by time and computes its features.
func (t *Training) Engineer(ctx context.Context, in job.Ingested) (job.Engineered, error) {
	defer beat(ctx)()
	out, err := t.Trainer.Engineer(ctx, in)
	return out, mapped(err)
}

// Fit trains the network. Its heartbeat is the epoch that it reached, which is for
// people: what a later attempt continues from is the checkpoint in the object store.
func (t *Training) Fit(ctx context.Context, req job.FitRequest) (job.Fitted, error) {
	stop := stoppable(&ctx)
	defer stop()
	out, err := t.Trainer.Fit(ctx, req, func(p job.FitProgress) { activity.RecordHeartbeat(ctx, p) })
	return out, mapped(err)
}

// Log records the run and the model in MLflow.
func (t *Training) Log(ctx context.Context, req job.LogRequest) (job.Logged, error) {
	defer beat(ctx)()
	out, err := t.Trainer.Log(ctx, req)
	return out, mapped(err)
}

// Validate measures; the workflow decides.
func (t *Training) Validate(ctx context.Context, req job.ValidateRequest) (job.Validated, error) {
	defer beat(ctx)()
	out, err := t.Trainer.Validate(ctx, req)
	return out, mapped(err)
}

// Promote makes the model the champion.
func (t *Training) Promote(ctx context.Context, req job.PromoteRequest) (job.Promoted, error) {
	defer beat(ctx)()
	out, err := t.Trainer.Promote(ctx, req)
	return out, mapped(err)
}

// Reject records why the model does not serve.
func (t *Training) Reject(ctx context.Context, req job.PromoteRequest) (job.Promoted, error) {
	defer beat(ctx)()
	out, err := t.Trainer.Reject(ctx, req)
	return out, mapped(err)
}

// Abandon closes the MLflow run of a training that did not finish.
func (t *Training) Abandon(ctx context.Context, req job.AbandonRequest) error {
	return mapped(t.Trainer.Abandon(ctx, req))
}

// beat heartbeats twice a second until the returned function is called. The steps
// that use it are a handful of bounded calls, each with a timeout of its own, so that a
// stuck one ends by itself; a loop that could hang must heartbeat from within instead.
func beat(ctx context.Context) func() {
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				activity.RecordHeartbeat(ctx)
			case <-done:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { close(done) }
}

// stoppable ends ctx when the worker is asked to stop: a fit would otherwise hold the
// worker until it is killed, and nothing is lost by leaving it, since it continues from
// its checkpoint elsewhere.
func stoppable(ctx *context.Context) func() {
	stopping := activity.GetWorkerStopChannel(*ctx)
	within, cancel := context.WithCancelCause(*ctx)
	done := make(chan struct{})
	go func() {
		select {
		case <-stopping:
			cancel(errWorkerStops)
		case <-done:
		}
	}()
	*ctx = within
	return func() { close(done); cancel(nil) }
}
