package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"temporal-streaming/internal/job"
)

// attendance is how often a worker makes sure that the streams know of it. One that was
// frozen or cut off has been taken off their rosters, and nobody else tells it.
const attendance = 30 * time.Second

// attend offers this worker to the streams that run, now and from time to time, so that
// shards come to it.
func attend(ctx context.Context, c client.Client, namespace string, self job.Lease, log *slog.Logger) {
	tick := time.NewTicker(attendance)
	defer tick.Stop()
	for {
		if err := join(ctx, c, namespace, self, log); err != nil && ctx.Err() == nil {
			log.Warn("could not offer this worker to every stream; trying again", "in", attendance, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func join(ctx context.Context, c client.Client, namespace string, self job.Lease, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, attendance)
	defer cancel()
	streams, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: namespace, Query: fmt.Sprintf("ExecutionStatus = 'Running' AND WorkflowType = '%s'", job.InferenceWorkflow),
	})
	if err != nil {
		return fmt.Errorf("list streams: %w", err)
	}
	for _, w := range streams.Executions {
		id := w.Execution.WorkflowId
		known, err := enlisted(ctx, c, id, self)
		if err != nil {
			return fmt.Errorf("ask %s for its workers: %w", id, err)
		}
		if known {
			continue
		}
		answer, err := welcome(ctx, c, id, self)
		if err != nil {
			return fmt.Errorf("join %s: %w", id, err)
		}
		log.Info("joined a stream", "workflow", id, "shards that come here", len(answer.Moved))
	}
	return nil
}

// enlisted asks a stream whether it knows of this worker. A query leaves no trace in the
// history, unlike the update that follows if it does not.
func enlisted(ctx context.Context, c client.Client, workflow string, self job.Lease) (bool, error) {
	answer, err := c.QueryWorkflow(ctx, workflow, "", job.StatusQuery)
	if err != nil {
		return false, err
	}
	var status job.InferenceStatus
	err = answer.Get(&status)
	return slices.Contains(status.Workers, self), err
}

func welcome(ctx context.Context, c client.Client, workflow string, self job.Lease) (job.Welcome, error) {
	var answer job.Welcome
	handle, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflow, UpdateName: job.WelcomeUpdate, Args: []any{self},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, &answer)
	}
	return answer, err
}
