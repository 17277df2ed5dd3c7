package control

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"temporal-streaming/internal/job"
)

// StartSearch starts a search and returns as soon as the server has it.
func (t *Temporal) StartSearch(ctx context.Context, request job.SearchRequest, at time.Time) (Run, error) {
	options := client.StartWorkflowOptions{
		ID:                    job.SearchWorkflowID(request.Pipeline, at),
		TaskQueue:             job.TrainQueue,
		StaticSummary:         "search for a recipe of " + request.Pipeline,
		StaticDetails:         fmt.Sprintf("Try recipes of **%s** on the validation part, each a child run in MLflow.\n\nAsked for by %s.", request.Pipeline, request.By),
		TypedSearchAttributes: attributes(request.Pipeline),
	}
	run, err := t.client.ExecuteWorkflow(ctx, options, job.SearchWorkflow, request)
	if err != nil {
		return Run{}, fmt.Errorf("start search for %s: %w", request.Pipeline, explain(err))
	}
	return Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}, nil
}

// SearchProgress asks a search how far it is, as TrainProgress asks a training.
func (t *Temporal) SearchProgress(ctx context.Context, run Run) (job.SearchProgress, error) {
	var progress job.SearchProgress
	answer, err := t.client.QueryWorkflow(ctx, run.WorkflowID, run.RunID, job.ProgressQuery)
	if err == nil {
		err = answer.Get(&progress)
	}
	if err != nil {
		return job.SearchProgress{}, fmt.Errorf("ask %s for its progress: %w", run.WorkflowID, explain(err))
	}
	return progress, nil
}

// WaitSearch returns the result once the search has ended, however long that takes. One that failed or was cancelled returns *Refused.
func (t *Temporal) WaitSearch(ctx context.Context, run Run) (job.SearchResult, error) {
	var result job.SearchResult
	if err := t.client.GetWorkflow(ctx, run.WorkflowID, run.RunID).Get(ctx, &result); err != nil {
		return job.SearchResult{}, fmt.Errorf("wait for %s: %w", run.WorkflowID, explain(err))
	}
	return result, nil
}

// CancelSearch asks a search to end. Trials that are done stay; the one that runs ends at its next epoch.
func (t *Temporal) CancelSearch(ctx context.Context, run Run) error {
	if err := t.client.CancelWorkflow(ctx, run.WorkflowID, run.RunID); err != nil {
		return fmt.Errorf("cancel %s: %w", run.WorkflowID, explain(err))
	}
	return nil
}
