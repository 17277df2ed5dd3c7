package training

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
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

// planSearch draws the trials. The first is the recipe as it stands, so that a search never ends with less than there was.
func planSearch(d *pipeline.Definition, req job.SearchRequest) (job.SearchPlan, error) {
	if len(d.Search.Vary) == 0 {
		return job.SearchPlan{}, fmt.Errorf("%w: the pipeline's file says nothing to vary; write search.vary", model.ErrInvalid)
	}
	plan := job.SearchPlan{Strategy: string(d.Search.Strategy), Parallel: d.Search.Parallel}
	if req.Strategy != "" {
		plan.Strategy = req.Strategy
	}
	trials := d.Search.Trials
	if req.Trials > 0 {
		trials = req.Trials
	}
	random := rand.New(rand.NewPCG(uint64(seedOf(d, req)), 0x736561726368))
	for n := 1; n <= trials; n++ {
		trial := job.Trial{Number: n}
		if n > 1 {
			for _, v := range d.Search.Vary {
				trial.Values = append(trial.Values, job.Value{Field: v.Field, Text: v.Text(drawn(v, random))})
			}
		}
		plan.Trials = append(plan.Trials, trial)
	}
	switch pipeline.SearchStrategy(plan.Strategy) {
	case pipeline.RandomSearch:
		plan.Rungs = []job.Rung{{Trials: trials, Epochs: d.Model.Epochs}}
	case pipeline.SuccessiveHalving:
		plan.Rungs = rungs(trials, d.Model.Epochs)
	default:
		return plan, fmt.Errorf("%w: there is no search strategy %q", model.ErrInvalid, plan.Strategy)
	}
	return plan, nil
}

func drawn(v pipeline.Vary, random *rand.Rand) float64 {
	at := random.Float64()
	switch {
	case len(v.Choices) > 0:
		return v.Choices[int(at*float64(len(v.Choices)))]
	case v.Scale == pipeline.LogScale:
		return math.Exp(math.Log(v.From) + at*(math.Log(v.To)-math.Log(v.From)))
	}
	return v.From + at*(v.To-v.From)
}

// narrowing is how many times fewer trials each rung has, and how many times more epochs (Jamieson and Talwalkar, "Non-stochastic Best
// Arm Identification and Hyperparameter Optimization", 2016).
const narrowing = 3

// rungs divides a search by successive halving: at the last rung, with all epochs, a few trials are left. A learning rate falls to 0
// over the epochs of its rung, so every rung trains anew.
func rungs(trials, epochs int) []job.Rung {
	var list []job.Rung
	for n := trials; ; n = (n + narrowing - 1) / narrowing {
		list = append(list, job.Rung{Trials: n})
		if n <= narrowing {
			break
		}
	}
	for i := range list {
		share := 1
		for range len(list) - 1 - i {
			share *= narrowing
		}
		list[i].Epochs = max(1, epochs/share)
	}
	return list
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
	train, err := t.matrix(ctx, req.Engineered.Train)
	if err != nil {
		return fail(err)
	}
	validation, err := t.matrix(ctx, req.Engineered.Validation)
	if err != nil {
		return fail(err)
	}
	config := NetworkConfig(d, 0)
	config.Epochs = req.Epochs
	out := job.Tried{Trial: req.Trial, Rung: req.Rung, Epochs: req.Epochs}
	m, epochs, err := model.Fit(ctx, rows(train), rows(validation), config, train.Names, &checkpoint{t.Store, req.Checkpoint}, func(e model.Epoch) {
		progress(job.FitProgress{
			Member: e.Member, Members: config.Members, Epoch: e.Epoch, Epochs: e.Epochs, TrainLoss: e.TrainLoss,
			ValidationLoss: e.ValidationLoss, ValidationAP: e.ValidationAP, RowsPerSecond: e.RowsPerSecond,
		})
	})
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
