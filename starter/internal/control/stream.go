package control

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"temporal-streaming/internal/job"
)

// Attach starts the stream of a pipeline, or joins the one that runs: the server
// decides which in one step, so two people who start it at once share one stream.
// It waits for the stream's answer as long as ctx lives; if the workflow refuses
// (say there is no champion), *Refused is returned.
func (t *Temporal) Attach(ctx context.Context, request job.InferenceRequest) (job.InferenceStatus, Run, error) {
	id := job.InferenceWorkflowID(request.Pipeline)
	updateID := uuid.NewString() // kept over attempts: one attach, however often it is sent
	for {
		start := t.client.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
			ID:                       id,
			TaskQueue:                job.StreamQueue,
			WorkflowTaskTimeout:      job.StreamTaskTimeout,
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			StaticSummary:            "score the stream of " + request.Pipeline,
			StaticDetails:            streamDetails(request),
			TypedSearchAttributes:    attributes(request.Pipeline),
		}, job.InferenceWorkflow, request)
		handle, err := t.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: start,
			UpdateOptions: client.UpdateWorkflowOptions{
				UpdateID:     updateID,
				UpdateName:   job.AttachUpdate,
				Args:         []any{job.AttachRequest{By: request.By}},
				WaitForStage: client.WorkflowUpdateStageCompleted,
			},
		})
		var status job.InferenceStatus
		if err == nil {
			err = handle.Get(ctx, &status)
		}
		err = explain(err)
		if errors.Is(err, ErrNoAnswer) && rest(ctx) {
			continue // the server's long poll ended before a worker came: poll again
		}
		if err != nil {
			return job.InferenceStatus{}, Run{}, fmt.Errorf("attach to the stream of %s: %w", request.Pipeline, err)
		}
		return status, Run{WorkflowID: id, RunID: handle.RunID()}, nil
	}
}

// StreamStatus asks a stream how it is. It needs a worker.
func (t *Temporal) StreamStatus(ctx context.Context, run Run) (job.InferenceStatus, error) {
	var status job.InferenceStatus
	answer, err := t.client.QueryWorkflow(ctx, run.WorkflowID, run.RunID, job.StatusQuery)
	if err == nil {
		err = answer.Get(&status)
	}
	if err != nil {
		return job.InferenceStatus{}, fmt.Errorf("ask %s for its status: %w", run.WorkflowID, explain(err))
	}
	return status, nil
}

func streamDetails(r job.InferenceRequest) string {
	model := r.Model
	if model == "" {
		model = "champion"
	}
	return fmt.Sprintf("Scores the stream of **%s** with its model `%s`, exactly once, until it is stopped with `starter stop %s`.\n\nStarted by %s.",
		r.Pipeline, model, r.Pipeline, r.By)
}
