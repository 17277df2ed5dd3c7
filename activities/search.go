package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"temporal-streaming/internal/job"
)

// PlanSearch draws the trials of a search.
func (t *Training) PlanSearch(ctx context.Context, req job.PlanSearchRequest) (job.PlannedSearch, error) {
	defer beat(ctx)()
	out, err := t.Trainer.PlanSearch(ctx, req)
	return out, mapped(err)
}

// Try trains one trial's recipe. As with Fit, what a later attempt continues from is the checkpoint.
func (t *Training) Try(ctx context.Context, req job.TryRequest) (job.Tried, error) {
	stop := stoppable(&ctx)
	defer stop()
	out, err := t.Trainer.Try(ctx, req, func(p job.FitProgress) { activity.RecordHeartbeat(ctx, p) })
	return out, mapped(err)
}

// Conclude closes the search's MLflow run.
func (t *Training) Conclude(ctx context.Context, req job.ConcludeRequest) error {
	defer beat(ctx)()
	return mapped(t.Trainer.Conclude(ctx, req))
}
