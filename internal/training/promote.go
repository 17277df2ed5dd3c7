package training

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/registry"
	"temporal-streaming/internal/tracking"
)

// Tags of a registered version that say what became of it.
const (
	statusTag = "validation_status" // approved or rejected
	reasonTag = "validation_reason"
	byTag     = "validated_for" // who asked for the training
	atTag     = "validated_at"
)

// Promote makes the version the champion, and the champion before it the previous one.
// The tags are written first and the alias is moved last: whoever sees the alias sees a
// version that explains itself.
func (t *Trainer) Promote(ctx context.Context, req job.PromoteRequest) (job.Promoted, error) {
	fail := func(err error) (job.Promoted, error) {
		return job.Promoted{}, fmt.Errorf("promote %s version %s: %w", req.Logged.Model, req.Logged.Version, err)
	}
	if err := t.tag(ctx, req, "approved"); err != nil {
		return fail(err)
	}
	p, err := t.MLflow.Promote(ctx, req.Logged.Model, req.Logged.Version)
	if err != nil {
		return fail(err)
	}
	if err := t.MLflow.FinishRun(ctx, req.Logged.RunID, tracking.Finished, req.At); err != nil {
		return fail(err)
	}
	return job.Promoted{Champion: p.Champion, Previous: p.Previous}, nil
}

// Reject writes the reasons on the version and leaves the aliases alone.
func (t *Trainer) Reject(ctx context.Context, req job.PromoteRequest) (job.Promoted, error) {
	fail := func(err error) (job.Promoted, error) {
		return job.Promoted{}, fmt.Errorf("reject %s version %s: %w", req.Logged.Model, req.Logged.Version, err)
	}
	if err := t.tag(ctx, req, "rejected"); err != nil {
		return fail(err)
	}
	if err := t.MLflow.FinishRun(ctx, req.Logged.RunID, tracking.Finished, req.At); err != nil {
		return fail(err)
	}
	champion, err := t.Models.Find(ctx, req.Logged.Model, registry.Champion)
	if err != nil && !errors.Is(err, registry.ErrNoChampion) {
		return fail(err)
	}
	return job.Promoted{Champion: champion.Number}, nil
}

func (t *Trainer) tag(ctx context.Context, req job.PromoteRequest, status string) error {
	tags := map[string]string{
		statusTag: status, reasonTag: strings.Join(req.Decision.Reasons, "; "),
		byTag: req.By, atTag: req.At.UTC().Format(time.RFC3339),
	}
	for key, value := range tags {
		if err := t.MLflow.SetVersionTag(ctx, req.Logged.Model, req.Logged.Version, key, value); err != nil {
			return err
		}
	}
	metrics := []tracking.Metric{
		{Key: "scoring_rows_per_second", Value: req.Validated.RowsPerSecond, Time: req.At, ModelID: req.Logged.ModelID},
		{Key: "parity_gap_to_training", Value: req.Validated.GapToTraining, Time: req.At, ModelID: req.Logged.ModelID},
		{Key: "parity_gap_to_file", Value: req.Validated.GapToFile, Time: req.At, ModelID: req.Logged.ModelID},
	}
	if s := req.Validated.Stream; s != nil {
		metrics = append(metrics, tracking.Metric{Key: "stream_rows_different", Value: float64(s.Different), Time: req.At, ModelID: req.Logged.ModelID})
	}
	return t.MLflow.LogBatch(ctx, req.Logged.RunID, tracking.Batch{Tags: tags, Metrics: metrics})
}

// Abandon closes the run of a training that failed or was cancelled. There may be none.
func (t *Trainer) Abandon(ctx context.Context, req job.AbandonRequest) error {
	fail := func(err error) error { return fmt.Errorf("abandon run %s: %w", req.Key, err) }
	experiment, err := t.MLflow.EnsureExperiment(ctx, req.Experiment)
	if err != nil {
		return fail(err)
	}
	run, err := t.MLflow.FindRun(ctx, experiment.ID, req.Key)
	if errors.Is(err, tracking.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fail(err)
	}
	status := tracking.Failed
	if req.Cancelled {
		status = tracking.Killed
	}
	if err := t.MLflow.LogBatch(ctx, run.ID, tracking.Batch{Tags: map[string]string{"failure": req.Reason}}); err != nil {
		return fail(err)
	}
	if err := t.MLflow.FinishRun(ctx, run.ID, status, req.At); err != nil {
		return fail(err)
	}
	return nil
}
