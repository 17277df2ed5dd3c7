// Package workflows holds the two durable programs of temporal-streaming: Train,
// which turns a loaded data set into a registered model, and Inference, which runs a
// stream with it for as long as the stream lives.
//
// They decide order, timeouts and branches, and nothing else: no I/O, no maths, no
// clock of their own. What they decide stands in their histories, with the numbers
// that it was decided on.
package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// Train makes a model of a pipeline: Ingest, Engineer, Fit, Log, Validate, and then
// promotes it to champion or rejects it. A rejected model is a result, not an error.
func Train(ctx workflow.Context, req job.TrainRequest) (*job.TrainResult, error) {
	t := &training{req: req}
	if err := t.setup(ctx); err != nil {
		return nil, err
	}
	if err := t.run(ctx); err != nil {
		t.abandon(ctx, err)
		return nil, err
	}
	return t.progress.Result, nil
}

// training is the state of one run.
type training struct {
	req      job.TrainRequest
	progress job.TrainProgress
	info     *workflow.Info

	ingested   job.Ingested
	engineered job.Engineered
	fitted     job.Fitted
	logged     job.Logged
	validated  job.Validated
	decision   job.Decision
	promoted   job.Promoted
}

// The steps of a run, in order.
const (
	ingest = iota
	engineer
	fitModel
	logModel
	validate
	promote
)

func (t *training) setup(ctx workflow.Context) error {
	t.info = workflow.GetInfo(ctx)
	for _, name := range []string{"Ingest", "Engineer", "Fit", "Log", "Validate", "Promote"} {
		t.progress.Steps = append(t.progress.Steps, job.Step{Name: name, State: job.StepWaiting})
	}
	return workflow.SetQueryHandler(ctx, job.ProgressQuery, func() (job.TrainProgress, error) {
		return t.progress, nil
	})
}

func (t *training) run(ctx workflow.Context) error {
	var a *activities.Training
	if err := t.step(ctx, ingest, describeIngested(&t.ingested), func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(step(ctx, "check the data set"), a.Ingest, t.req).Get(ctx, &t.ingested)
	}); err != nil {
		return err
	}
	t.mark(ctx, datasetDigest.ValueSet(t.ingested.Dataset.Object.SHA256))

	if err := t.step(ctx, engineer, describeEngineered(&t.engineered), func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(step(ctx, "split by time, compute features"), a.Engineer, t.ingested).Get(ctx, &t.engineered)
	}); err != nil {
		return err
	}
	if err := t.step(ctx, fitModel, describeFitted(&t.fitted), func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(fit(ctx, "train with Gorgonia"), a.Fit, t.fitRequest()).Get(ctx, &t.fitted)
	}); err != nil {
		return err
	}
	if err := t.step(ctx, logModel, describeLogged(&t.logged), func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(step(ctx, "record run and model in MLflow"), a.Log, t.logRequest()).Get(ctx, &t.logged)
	}); err != nil {
		return err
	}
	t.mark(ctx, modelVersion.ValueSet(t.logged.Version))

	if err := t.step(ctx, validate, describeValidated(&t.validated), func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(step(ctx, "measure quality, parity and speed"), a.Validate, t.validateRequest()).Get(ctx, &t.validated)
	}); err != nil {
		return err
	}
	t.decision = decide(t.ingested.Gates, t.validated)

	if err := t.step(ctx, promote, t.describeDecision, func(ctx workflow.Context) error {
		if t.decision.Promote {
			return workflow.ExecuteActivity(step(ctx, "make it champion"), a.Promote, t.promoteRequest(ctx)).Get(ctx, &t.promoted)
		}
		return workflow.ExecuteActivity(step(ctx, "keep the champion"), a.Reject, t.promoteRequest(ctx)).Get(ctx, &t.promoted)
	}); err != nil {
		return err
	}
	t.finish(ctx)
	return nil
}

// step runs one step and keeps its line of the progress, for the query and for the
// Web UI's details panel.
func (t *training) step(ctx workflow.Context, i int, describe func() string, run func(workflow.Context) error) error {
	s := &t.progress.Steps[i]
	s.State, s.Started = job.StepRunning, workflow.Now(ctx)
	workflow.SetCurrentDetails(ctx, trainDetails(t))
	err := run(ctx)
	s.Ended = workflow.Now(ctx)
	if err != nil {
		s.State, s.Detail = job.StepFailed, reason(err)
	} else {
		s.State, s.Detail = job.StepDone, describe()
	}
	workflow.SetCurrentDetails(ctx, trainDetails(t))
	return err
}

func (t *training) finish(ctx workflow.Context) {
	verdict := "rejected"
	if t.decision.Promote {
		verdict = "promoted"
	}
	t.mark(ctx, decisionAttribute.ValueSet(verdict))
	t.progress.Result = &job.TrainResult{
		Pipeline: t.req.Pipeline, Dataset: t.ingested.Dataset, Logged: t.logged, Fitted: t.fitted,
		Validated: t.validated, Decision: t.decision, Champion: t.promoted.Champion, Parts: t.engineered,
	}
	workflow.SetCurrentDetails(ctx, trainDetails(t))
}

// abandon closes the MLflow run of a training that failed or was cancelled, so that
// no run is left that seems to be going on. It must also work for a cancelled run.
func (t *training) abandon(ctx workflow.Context, cause error) {
	if t.progress.Steps[logModel].State == job.StepWaiting {
		return
	}
	var a *activities.Training
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    time.Minute,
		ScheduleToCloseTimeout: 10 * time.Minute, // the run failed already; tidying must not keep it open for ever
		RetryPolicy:            patiently(),
		Summary:                "close the MLflow run",
	})
	req := job.AbandonRequest{Experiment: t.ingested.Experiment, Key: t.key(), Cancelled: temporal.IsCanceledError(cause), Reason: reason(cause), At: workflow.Now(ctx)}
	if err := workflow.ExecuteActivity(ctx, a.Abandon, req).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Warn("the MLflow run could not be closed and still shows as running", "error", err)
	}
}

// key identifies this run of the workflow for everything that must happen once.
func (t *training) key() string {
	return t.info.WorkflowExecution.ID + "/" + t.info.WorkflowExecution.RunID
}

func (t *training) fitRequest() job.FitRequest {
	return job.FitRequest{
		Ingested: t.ingested, Engineered: t.engineered, Seed: t.req.Seed,
		Checkpoint: "checkpoints/" + t.req.Pipeline + "/" + t.info.WorkflowExecution.RunID,
	}
}

func (t *training) logRequest() job.LogRequest {
	return job.LogRequest{
		Ingested: t.ingested, Engineered: t.engineered, Fitted: t.fitted, Key: t.key(),
		WorkflowID: t.info.WorkflowExecution.ID, RunID: t.info.WorkflowExecution.RunID,
		Started: t.info.WorkflowStartTime, By: t.req.By,
	}
}

func (t *training) validateRequest() job.ValidateRequest {
	return job.ValidateRequest{Ingested: t.ingested, Engineered: t.engineered, Fitted: t.fitted, Logged: t.logged}
}

func (t *training) promoteRequest(ctx workflow.Context) job.PromoteRequest {
	return job.PromoteRequest{Logged: t.logged, Validated: t.validated, Decision: t.decision, By: t.req.By, At: workflow.Now(ctx)}
}

func (t *training) mark(ctx workflow.Context, update temporal.SearchAttributeUpdate) {
	mark(ctx, update)
}
