package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"temporal-streaming/internal/job"
)

// welcome tells the streams that run that this worker is here, so that shards come to it.
func welcome(ctx context.Context, c client.Client, running map[string]bool, self job.Lease, log *slog.Logger) {
	for id := range running {
		if !strings.HasPrefix(id, job.InferenceWorkflowID("")) {
			continue
		}
		for pause := time.Second; ctx.Err() == nil; pause = min(2*pause, time.Minute) {
			answer, err := join(ctx, c, id, self)
			var gone *serviceerror.NotFound
			if err == nil {
				log.Info("joined a stream", "workflow", id, "shards that come here", len(answer.Moved))
			}
			if err == nil || errors.As(err, &gone) {
				break
			}
			log.Warn("could not join a stream; trying again", "workflow", id, "in", pause, "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	}
}

func join(ctx context.Context, c client.Client, workflow string, self job.Lease) (job.Welcome, error) {
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
