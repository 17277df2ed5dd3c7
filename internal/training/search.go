package training

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"temporal-streaming/internal/evaluate"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/tracking"
)

// parentTag makes a run of MLflow the child of another.
const parentTag = "mlflow.parentRunId"

// PlanSearch draws the trials of a search and makes the MLflow run that theirs are children of. The same request gives the
// same plan.
func (t *Trainer) PlanSearch(ctx context.Context, req job.PlanSearchRequest) (job.PlannedSearch, error) {
	fail := func(err error) (job.PlannedSearch, error) {
		return job.PlannedSearch{}, fmt.Errorf("plan search of %s: %w", req.Request.Pipeline, err)
	}
	d, err := t.definition(ctx, req.Ingested.Definition)
	if err != nil {
		return fail(err)
	}
	plan, err := planSearch(d, req.Request)
	if err != nil {
		return fail(err)
	}
	experiment, err := t.MLflow.EnsureExperiment(ctx, req.Ingested.Experiment)
	if err != nil {
		return fail(err)
	}
	run, err := t.MLflow.EnsureRun(ctx, tracking.RunSpec{
		ExperimentID: experiment.ID, Key: req.Key, Name: req.WorkflowID, Start: req.Started, Tags: t.searchTags(req, plan),
	})
	if err != nil {
		return fail(err)
	}
	if err := t.MLflow.LogBatch(ctx, run.ID, tracking.Batch{Params: map[string]string{
		"search.strategy": plan.Strategy, "search.trials": strconv.Itoa(len(plan.Trials)), "search.rungs": fmt.Sprint(plan.Rungs),
		"search.vary": strings.Join(fieldsOf(d), ", "), "search.seed": strconv.FormatInt(seedOf(d, req.Request), 10),
	}}); err != nil {
		return fail(err)
	}
	return job.PlannedSearch{Plan: plan, ExperimentID: experiment.ID, RunID: run.ID, RunURL: t.MLflow.Links().Run(experiment.ID, run.ID)}, nil
}

func (t *Trainer) searchTags(req job.PlanSearchRequest, plan job.SearchPlan) map[string]string {
	tags := map[string]string{
		"mlflow.source.name": "temporal-streaming", "mlflow.source.type": "JOB", "mlflow.user": req.Request.By,
		"mlflow.note.content":  fmt.Sprintf("Search for a recipe of %s: %d trials by %s. Its children are the trials; select them and compare.", req.Request.Pipeline, len(plan.Trials), plan.Strategy),
		"temporal.workflow_id": req.WorkflowID, "temporal.run_id": req.RunID, "pipeline": req.Request.Pipeline,
		"dataset.digest": req.Ingested.Dataset.Object.SHA256, "mlflow.source.git.commit": t.Commit,
	}
	if t.WorkflowURL != nil {
		tags["temporal.url"] = t.WorkflowURL(req.WorkflowID, req.RunID)
	}
	return tags
}

func fieldsOf(d *pipeline.Definition) (fields []string) {
	for _, v := range d.Search.Vary {
		fields = append(fields, v.Field)
	}
	return fields
}

func seedOf(d *pipeline.Definition, req job.SearchRequest) int64 {
	if req.Seed != 0 {
		return req.Seed
	}
	return d.Model.Seed
}

// Try trains one trial's recipe for so many epochs and records it as a child of the search's run. Numbers that make no model are a
// result, not an error.
func (t *Trainer) Try(ctx context.Context, req job.TryRequest, progress func(job.FitProgress)) (job.Tried, error) {
	fail := func(err error) (job.Tried, error) {
		return job.Tried{}, fmt.Errorf("try recipe %d of %s: %w", req.Trial.Number, req.Ingested.Experiment, err)
	}
	d, err := t.definition(ctx, req.Ingested.Definition)
	if err != nil {
		return fail(err)
	}
	for _, v := range req.Trial.Values {
		if d, err = d.WithValue(v.Field, v.Text); err != nil {
			return fail(fmt.Errorf("%w: %w", model.ErrInvalid, err))
		}
	}
	train, validation, err := t.matrices(ctx, req.Engineered)
	if err != nil {
		return fail(err)
	}
	config := NetworkConfig(d, 0)
	config.Epochs = req.Epochs
	out := job.Tried{Trial: req.Trial, Rung: req.Rung, Epochs: req.Epochs}
	m, epochs, err := t.network(ctx, train, validation, config, req.Checkpoint, progress)
	switch {
	case errors.Is(err, model.ErrInvalid):
		out.Failed = err.Error()
	case err != nil:
		return fail(err)
	default:
		report, err := evaluate.NewReport(scores(m, validation), 0.5)
		if err != nil {
			return fail(err)
		}
		out.AveragePrecision, out.AUC = report.AveragePrecision, report.ROCAUC
	}
	if out.RunID, err = t.logTrial(ctx, req, d, out, len(epochs)); err != nil {
		return fail(err)
	}
	return out, nil
}

// logTrial writes the child run whole, and finished: one that was killed before leaves nothing half done.
func (t *Trainer) logTrial(ctx context.Context, req job.TryRequest, d *pipeline.Definition, out job.Tried, epochs int) (string, error) {
	experiment, err := t.MLflow.EnsureExperiment(ctx, req.Ingested.Experiment)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("trial %02d", req.Trial.Number)
	if len(req.Trial.Values) == 0 {
		name += ", as it stands"
	}
	run, err := t.MLflow.EnsureRun(ctx, tracking.RunSpec{ExperimentID: experiment.ID, Key: req.Key, Name: name, Start: req.Started, Tags: map[string]string{
		parentTag: req.Parent, "mlflow.source.name": "temporal-streaming", "mlflow.source.type": "JOB",
		"temporal.workflow_id": req.WorkflowID, "pipeline": d.Name, "trial": strconv.Itoa(req.Trial.Number),
	}})
	if err != nil {
		return "", err
	}
	at := req.Started.Add(time.Duration(req.Rung+1) * time.Millisecond) // made from the start, so that a second try writes the same
	batch := tracking.Batch{Params: map[string]string{}, Tags: map[string]string{"rung": strconv.Itoa(req.Rung + 1), "failure": out.Failed}}
	for _, v := range d.Search.Vary {
		batch.Params[v.Field] = valueOf(d, v.Field)
	}
	if out.Failed == "" {
		delete(batch.Tags, "failure")
		for key, value := range map[string]float64{
			"validation_average_precision": out.AveragePrecision, "validation_roc_auc": out.AUC, "epochs": float64(out.Epochs), "rung": float64(req.Rung + 1),
			"epochs_run": float64(epochs),
		} {
			batch.Metrics = append(batch.Metrics, tracking.Metric{Key: key, Value: value, Time: at, Step: int64(req.Rung)})
		}
	}
	if err := t.MLflow.LogBatch(ctx, run.ID, batch); err != nil {
		return "", err
	}
	return run.ID, t.MLflow.FinishRun(ctx, run.ID, tracking.Finished, at)
}

// valueOf is what a field of the recipe is, varied or not, so that every child has all columns of a parallel-coordinates plot.
func valueOf(d *pipeline.Definition, field string) string {
	value, ok := d.Value(field)
	if !ok {
		return ""
	}
	return strconv.FormatFloat(value, 'g', -1, 64)
}

// Conclude closes the search's run: with the best trial and a table of all of them, or saying why it did not finish.
func (t *Trainer) Conclude(ctx context.Context, req job.ConcludeRequest) error {
	fail := func(err error) error { return fmt.Errorf("conclude search %s: %w", req.Key, err) }
	experiment, err := t.MLflow.EnsureExperiment(ctx, req.Experiment)
	if err != nil {
		return fail(err)
	}
	run, err := t.MLflow.FindRun(ctx, experiment.ID, req.Key)
	if errors.Is(err, tracking.ErrNotFound) && req.Failed != "" {
		return nil // it ended before there was one
	}
	if err != nil {
		return fail(err)
	}
	r := req.Result
	if len(r.Tried) > 0 {
		if err := t.MLflow.PutTable(ctx, run.ID, "tables/trials.json", trialTable(r.Tried)); err != nil {
			return fail(err)
		}
	}
	batch, status := tracking.Batch{Tags: map[string]string{}}, tracking.Finished
	switch {
	case req.Cancelled:
		status, batch.Tags["failure"] = tracking.Killed, "cancelled"
	case req.Failed != "":
		status, batch.Tags["failure"] = tracking.Failed, req.Failed
	default:
		batch.Tags["best.trial"], batch.Tags["best.run_id"] = strconv.Itoa(r.Best.Trial.Number), r.Best.RunID
		for _, v := range r.Best.Trial.Values {
			batch.Tags["best."+v.Field] = v.Text
		}
		batch.Metrics = []tracking.Metric{{Key: "best_validation_average_precision", Value: r.Best.AveragePrecision, Time: req.At},
			{Key: "best_validation_roc_auc", Value: r.Best.AUC, Time: req.At}}
	}
	if err := t.MLflow.LogBatch(ctx, run.ID, batch); err != nil {
		return fail(err)
	}
	if err := t.MLflow.FinishRun(ctx, run.ID, status, req.At); err != nil {
		return fail(err)
	}
	return nil
}

func trialTable(tried []job.Tried) tracking.Table {
	table := tracking.Table{Columns: []string{"trial", "rung", "epochs", "validation average precision", "validation AUC", "values", "failure"}}
	for _, it := range tried {
		var values []string
		for _, v := range it.Trial.Values {
			values = append(values, v.Field+": "+v.Text)
		}
		if len(values) == 0 {
			values = []string{"as it stands"}
		}
		table.Rows = append(table.Rows, []tracking.Cell{
			tracking.Number(float64(it.Trial.Number)), tracking.Number(float64(it.Rung + 1)), tracking.Number(float64(it.Epochs)),
			tracking.Number(it.AveragePrecision), tracking.Number(it.AUC), tracking.Text(strings.Join(values, ", ")), tracking.Text(it.Failed),
		})
	}
	return table
}
