package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// Search tries many recipes of a pipeline, each an activity with a checkpoint of its own, and says which did best on the validation part.
// What is to be tried is drawn once and stands in the history. It changes no model and no file: who likes what it found writes it into the
// pipeline's file and trains.
func Search(ctx workflow.Context, req job.SearchRequest) (*job.SearchResult, error) {
	s := &search{req: req, info: workflow.GetInfo(ctx)}
	if err := workflow.SetQueryHandler(ctx, job.ProgressQuery, func() (job.SearchProgress, error) { return s.progress, nil }); err != nil {
		return nil, err
	}
	if err := s.run(ctx); err != nil {
		s.abandon(ctx, err)
		return nil, err
	}
	return s.progress.Result, nil
}

// search is the state of one search.
type search struct {
	req      job.SearchRequest
	info     *workflow.Info
	progress job.SearchProgress

	ingested   job.Ingested
	engineered job.Engineered
	planned    job.PlannedSearch
	last       map[int]job.Tried // by trial: how it did at its last rung
}

func (s *search) run(ctx workflow.Context) error {
	var a *activities.Training
	train := job.TrainRequest{Pipeline: s.req.Pipeline, Dataset: s.req.Dataset, By: s.req.By}
	if err := workflow.ExecuteActivity(step(ctx, "check the data set"), a.Ingest, train).Get(ctx, &s.ingested); err != nil {
		return err
	}
	if err := workflow.ExecuteActivity(step(ctx, "split by time, compute features"), a.Engineer, s.ingested).Get(ctx, &s.engineered); err != nil {
		return err
	}
	if err := workflow.ExecuteActivity(step(ctx, "draw the trials"), a.PlanSearch, s.planRequest()).Get(ctx, &s.planned); err != nil {
		return err
	}
	s.progress.Plan, s.progress.RunURL = s.planned.Plan, s.planned.RunURL
	s.last = map[int]job.Tried{}
	field := s.planned.Plan.Trials
	for i, rung := range s.planned.Plan.Rungs {
		s.progress.Rung = i
		field = field[:min(rung.Trials, len(field))]
		if err := s.climb(ctx, i, rung.Epochs, field); err != nil {
			return err
		}
		field = s.ranked(field)
	}
	result := s.result()
	if err := workflow.ExecuteActivity(step(ctx, "close the MLflow run"), a.Conclude, job.ConcludeRequest{
		Experiment: s.ingested.Experiment, Result: result, Key: s.key(), At: workflow.Now(ctx),
	}).Get(ctx, nil); err != nil {
		return err
	}
	s.progress.Result = &result
	workflow.SetCurrentDetails(ctx, s.details())
	return nil
}

// climb tries a field of trials at one rung, a few side by side.
func (s *search) climb(ctx workflow.Context, rung, epochs int, field []job.Trial) error {
	var a *activities.Training
	var failed error
	next := 0
	wait := workflow.NewWaitGroup(ctx)
	for range min(s.planned.Plan.Parallel, len(field)) {
		wait.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wait.Done()
			for failed == nil && next < len(field) {
				trial := field[next]
				next++
				s.progress.Running = append(s.progress.Running, trial.Number)
				var tried job.Tried
				err := workflow.ExecuteActivity(fit(ctx, fmt.Sprintf("trial %d, rung %d, %d epochs", trial.Number, rung+1, epochs)), a.Try,
					s.tryRequest(trial, rung, epochs)).Get(ctx, &tried)
				s.progress.Running = slices.DeleteFunc(s.progress.Running, func(n int) bool { return n == trial.Number })
				if err != nil {
					failed = err
					return
				}
				s.last[trial.Number] = tried
				s.progress.Tried = append(s.progress.Tried, tried)
				workflow.SetCurrentDetails(ctx, s.details())
			}
		})
	}
	wait.Wait(ctx)
	return failed
}

// ranked are trials in the order of how they did, those that made no model last; of equals the first comes first.
func (s *search) ranked(field []job.Trial) []job.Trial {
	sorted := slices.Clone(field)
	slices.SortStableFunc(sorted, func(a, b job.Trial) int { return s.better(s.last[a.Number], s.last[b.Number]) })
	return sorted
}

func (s *search) better(a, b job.Tried) int {
	switch {
	case a.Rung != b.Rung:
		return b.Rung - a.Rung // with fewer epochs nothing is said about more
	case (a.Failed == "") != (b.Failed == ""):
		if a.Failed == "" {
			return -1
		}
		return 1
	case a.AveragePrecision > b.AveragePrecision:
		return -1
	case a.AveragePrecision < b.AveragePrecision:
		return 1
	}
	return 0
}

func (s *search) result() job.SearchResult {
	r := job.SearchResult{Pipeline: s.req.Pipeline, Plan: s.planned.Plan, RunID: s.planned.RunID, RunURL: s.planned.RunURL}
	for _, trial := range s.planned.Plan.Trials {
		if tried, ok := s.last[trial.Number]; ok {
			r.Tried = append(r.Tried, tried)
		}
	}
	slices.SortStableFunc(r.Tried, s.better)
	if len(r.Tried) > 0 {
		r.Best = r.Tried[0]
	}
	return r
}

// abandon closes the run of a search that failed or was cancelled, with what was found until then. Its children are whole.
func (s *search) abandon(ctx workflow.Context, cause error) {
	if s.planned.RunID == "" {
		return
	}
	var a *activities.Training
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    time.Minute,
		ScheduleToCloseTimeout: 10 * time.Minute, // the search is over; tidying must not keep it open for ever
		RetryPolicy:            patiently(),
		Summary:                "close the MLflow run",
	})
	req := job.ConcludeRequest{Experiment: s.ingested.Experiment, Result: s.result(), Key: s.key(), Failed: reason(cause),
		Cancelled: temporal.IsCanceledError(cause), At: workflow.Now(ctx)}
	if err := workflow.ExecuteActivity(ctx, a.Conclude, req).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Warn("the MLflow run could not be closed and still shows as running", "error", err)
	}
}

func (s *search) key() string {
	return s.info.WorkflowExecution.ID + "/" + s.info.WorkflowExecution.RunID
}

func (s *search) planRequest() job.PlanSearchRequest {
	return job.PlanSearchRequest{Request: s.req, Ingested: s.ingested, Key: s.key(), WorkflowID: s.info.WorkflowExecution.ID,
		RunID: s.info.WorkflowExecution.RunID, Started: s.info.WorkflowStartTime}
}

func (s *search) tryRequest(trial job.Trial, rung, epochs int) job.TryRequest {
	own := fmt.Sprintf("/trial-%d", trial.Number)
	return job.TryRequest{
		Ingested: s.ingested, Engineered: s.engineered, Trial: trial, Rung: rung, Epochs: epochs, Parent: s.planned.RunID,
		Key:        s.key() + own,
		Checkpoint: fmt.Sprintf("checkpoints/%s/%s%s-rung-%d", s.req.Pipeline, s.info.WorkflowExecution.RunID, own, rung+1),
		WorkflowID: s.info.WorkflowExecution.ID, Started: s.info.WorkflowStartTime,
	}
}

// details is the table that the Web UI shows beside the running search.
func (s *search) details() string {
	text := fmt.Sprintf("**%s**, %s, %d trials. [MLflow](%s)\n\n| trial | rung | epochs | validation average precision |\n|---|---|---|---|\n",
		s.req.Pipeline, s.planned.Plan.Strategy, len(s.planned.Plan.Trials), s.planned.RunURL)
	for _, it := range s.result().Tried {
		shown := fmt.Sprintf("%.4f", it.AveragePrecision)
		if it.Failed != "" {
			shown = it.Failed
		}
		text += fmt.Sprintf("| %d | %d | %d | %s |\n", it.Trial.Number, it.Rung+1, it.Epochs, shown)
	}
	return text
}
