package control

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"temporal-streaming/internal/job"
)

// Run names one execution of a workflow.
type Run struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
}

// StartTrain starts a training run and returns as soon as the server has it,
// whether or not a worker is there to do it.
func (t *Temporal) StartTrain(ctx context.Context, request job.TrainRequest, at time.Time) (Run, error) {
	options := client.StartWorkflowOptions{
		ID:                    job.TrainWorkflowID(request.Pipeline, at),
		TaskQueue:             job.TrainQueue,
		StaticSummary:         "train " + request.Pipeline,
		StaticDetails:         trainDetails(request),
		TypedSearchAttributes: attributes(request.Pipeline),
	}
	run, err := t.client.ExecuteWorkflow(ctx, options, job.TrainWorkflow, request)
	if err != nil {
		return Run{}, fmt.Errorf("start training of %s: %w", request.Pipeline, explain(err))
	}
	return Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}, nil
}

// TrainProgress asks a training run how far it is. It needs a worker, and returns
// ErrNoAnswer if none answers before ctx ends.
func (t *Temporal) TrainProgress(ctx context.Context, run Run) (job.TrainProgress, error) {
	var progress job.TrainProgress
	answer, err := t.client.QueryWorkflow(ctx, run.WorkflowID, run.RunID, job.ProgressQuery)
	if err == nil {
		err = answer.Get(&progress)
	}
	if err != nil {
		return job.TrainProgress{}, fmt.Errorf("ask %s for its progress: %w", run.WorkflowID, explain(err))
	}
	return progress, nil
}

// WaitTrain returns the result once the run has ended, however long that takes.
// A run that failed returns *Refused.
func (t *Temporal) WaitTrain(ctx context.Context, run Run) (job.TrainResult, error) {
	var result job.TrainResult
	if err := t.client.GetWorkflow(ctx, run.WorkflowID, run.RunID).Get(ctx, &result); err != nil {
		return job.TrainResult{}, fmt.Errorf("wait for %s: %w", run.WorkflowID, explain(err))
	}
	return result, nil
}

func trainDetails(r job.TrainRequest) string {
	data := "the data set that was loaded last"
	if r.Dataset != nil {
		data = "`" + r.Dataset.URI + "`"
	}
	seed := "the pipeline's seed"
	if r.Seed != 0 {
		seed = fmt.Sprintf("seed %d", r.Seed)
	}
	return fmt.Sprintf("Train a model of **%s** on %s with %s, compare it with the champion on the same rows, and promote it if every gate passes.\n\nAsked for by %s.",
		r.Pipeline, data, seed, r.By)
}

func attributes(pipeline string) temporal.SearchAttributes {
	return temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword(job.PipelineAttribute).ValueSet(pipeline))
}
