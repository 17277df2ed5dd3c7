package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"temporal-streaming/internal/job"
)

// release fails the activities that a predecessor under the same identity held when it
// died, so that they are tried again now and not after a heartbeat timeout.
//
// It must not touch what a living worker runs. The identity contains the slot, which
// this process has locked, so whoever held it before is dead; and it is called before
// this process polls for work, so nothing under this identity is its own. It answers which
// workflows run, by their ids.
func release(ctx context.Context, c client.Client, namespace, identity string, log *slog.Logger) (map[string]bool, error) {
	running := map[string]bool{}
	query := fmt.Sprintf("ExecutionStatus = 'Running' AND (WorkflowType = '%s' OR WorkflowType = '%s' OR WorkflowType = '%s')",
		job.TrainWorkflow, job.SearchWorkflow, job.InferenceWorkflow)
	request := &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace, Query: query}
	for {
		page, err := c.ListWorkflow(ctx, request)
		if err != nil {
			return nil, fmt.Errorf("list running workflows: %w", err)
		}
		for _, w := range page.Executions {
			running[w.Execution.WorkflowId] = true
			if err := releaseWorkflow(ctx, c, namespace, w.Execution.WorkflowId, w.Execution.RunId, identity, log); err != nil {
				return nil, err
			}
		}
		if request.NextPageToken = page.NextPageToken; len(request.NextPageToken) == 0 {
			return running, nil
		}
	}
}

func releaseWorkflow(ctx context.Context, c client.Client, namespace, id, run, identity string, log *slog.Logger) error {
	w, err := c.DescribeWorkflowExecution(ctx, id, run)
	if err != nil {
		return fmt.Errorf("describe workflow %s: %w", id, err)
	}
	for _, a := range w.PendingActivities {
		if a.State != enums.PENDING_ACTIVITY_STATE_STARTED || a.LastWorkerIdentity != identity {
			continue
		}
		// The workflow's next task would wait for the dead process's sticky queue first.
		sticky := &workflowservice.ResetStickyTaskQueueRequest{Namespace: namespace, Execution: &common.WorkflowExecution{WorkflowId: id, RunId: run}}
		if _, err := c.WorkflowService().ResetStickyTaskQueue(ctx, sticky); err != nil {
			log.Warn("could not reset the sticky queue; the release takes half a second longer", "workflow", id, "error", err)
		}
		cause := temporal.NewApplicationError("the worker "+identity+" died and has started again", job.ErrTypeRestarted)
		err := c.CompleteActivityByID(ctx, namespace, id, run, a.ActivityId, nil, cause)
		var gone *serviceerror.NotFound
		if err != nil && !errors.As(err, &gone) { // it timed out meanwhile: as good
			return fmt.Errorf("release activity %s of workflow %s: %w", a.ActivityId, id, err)
		}
		log.Info("released an activity of this worker's predecessor", "workflow", id, "activity", a.ActivityType.GetName(), "attempt", a.Attempt)
	}
	return nil
}
