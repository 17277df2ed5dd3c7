package training

import (
	"context"
	"fmt"
	"strconv"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/tracking"
)

// Log records the run in MLflow, once per key however often it is tried: parameters,
// losses per epoch, the data set, metrics on validation and test part, pictures with the
// tables behind them, and the model, registered as a new version.
func (t *Trainer) Log(ctx context.Context, req job.LogRequest) (job.Logged, error) {
	fail := func(err error) (job.Logged, error) {
		return job.Logged{}, fmt.Errorf("log training of %s: %w", req.Ingested.Experiment, err)
	}
	r, err := t.gather(ctx, req)
	if err != nil {
		return fail(err)
	}
	experiment, err := t.MLflow.EnsureExperiment(ctx, req.Ingested.Experiment)
	if err != nil {
		return fail(err)
	}
	run, err := t.MLflow.EnsureRun(ctx, tracking.RunSpec{
		ExperimentID: experiment.ID, Key: req.Key, Name: req.WorkflowID, Start: req.Started, Tags: t.runTags(r),
	})
	if err != nil {
		return fail(err)
	}
	if err := t.logRun(ctx, run, r); err != nil {
		return fail(err)
	}
	logged, err := t.logModel(ctx, run, r)
	if err != nil {
		return fail(err)
	}
	links := t.MLflow.Links()
	logged.ExperimentID, logged.RunID = experiment.ID, run.ID
	logged.RunURL, logged.VersionURL = links.Run(experiment.ID, run.ID), links.Version(logged.Model, logged.Version)
	return logged, nil
}

func (t *Trainer) runTags(r *evidence) map[string]string {
	set := r.req.Ingested.Dataset
	tags := map[string]string{
		"mlflow.source.name": "temporal-streaming", "mlflow.source.type": "JOB", "mlflow.user": r.req.By,
		"mlflow.note.content":      t.note(r),
		"temporal.workflow_id":     r.req.WorkflowID,
		"temporal.run_id":          r.req.RunID,
		"pipeline":                 r.definition.Name,
		"pipeline.digest":          r.definition.Digest(),
		"dataset.digest":           set.Object.SHA256,
		"dataset.simulated":        strconv.FormatBool(set.Simulated),
		"mlflow.source.git.commit": t.Commit,
	}
	if t.WorkflowURL != nil {
		tags["temporal.url"] = t.WorkflowURL(r.req.WorkflowID, r.req.RunID)
	}
	return tags
}

// logRun writes what is about the run: parameters, metrics, data, pictures and tables.
func (t *Trainer) logRun(ctx context.Context, run tracking.Run, r *evidence) error {
	if err := t.MLflow.LogBatch(ctx, run.ID, tracking.Batch{Params: params(r), Metrics: epochMetrics(r)}); err != nil {
		return err
	}
	if err := t.MLflow.LogInputs(ctx, run.ID, inputs(r)); err != nil {
		return err
	}
	study := r.study()
	files, err := study.Pictures()
	if err != nil {
		return err
	}
	tables, err := study.Tables()
	if err != nil {
		return err
	}
	page, err := study.Page("Training of "+r.definition.Name, files)
	if err != nil {
		return err
	}
	artifacts := []tracking.File{{Path: page.Name, Data: page.Data}}
	for _, f := range files {
		artifacts = append(artifacts, tracking.File{Path: "plots/" + f.Name, Data: f.Data})
	}
	for _, f := range tables {
		artifacts = append(artifacts, tracking.File{Path: "tables/" + f.Name, Data: f.Data})
	}
	artifacts = append(artifacts,
		tracking.File{Path: "pipeline.yaml", Data: r.definition.YAML()},
		tracking.File{Path: "feature_spec.json", Data: r.spec})
	if err := t.MLflow.PutArtifacts(ctx, run.Artifacts, artifacts); err != nil {
		return err
	}
	return t.MLflow.PutTable(ctx, run.ID, "tables/quality.json", qualityTable(r))
}

// logModel writes and registers the model.
func (t *Trainer) logModel(ctx context.Context, run tracking.Run, r *evidence) (job.Logged, error) {
	name := r.definition.Name
	logged, err := t.MLflow.EnsureLoggedModel(ctx, tracking.LoggedModelSpec{
		ExperimentID: run.ExperimentID, RunID: run.ID, Key: r.req.Key, Name: name, Params: params(r),
		Tags: map[string]string{"dataset.digest": r.req.Ingested.Dataset.Object.SHA256},
	})
	if err != nil {
		return job.Logged{}, err
	}
	manifest, err := t.MLflow.WriteModel(ctx, logged, tracking.Model{
		ONNX: r.onnx, Pipeline: r.definition.YAML(), FeatureSpec: r.spec, Features: r.model.Features,
		Example: r.example, Created: r.req.Started,
	})
	if err != nil {
		return job.Logged{}, err
	}
	if err := t.MLflow.LogBatch(ctx, run.ID, tracking.Batch{Metrics: reportMetrics(r, logged.ID)}); err != nil {
		return job.Logged{}, err
	}
	if err := t.MLflow.EnsureRegisteredModel(ctx, name, r.definition.Description); err != nil {
		return job.Logged{}, err
	}
	version, err := t.MLflow.EnsureVersion(ctx, tracking.VersionSpec{
		Name: name, Key: r.req.Key, ModelID: logged.ID, RunID: run.ID, Files: manifest,
		Description: t.note(r), Tags: map[string]string{
			statusTag: "pending", "dataset.digest": r.req.Ingested.Dataset.Object.SHA256,
			"dataset.simulated":    strconv.FormatBool(r.req.Ingested.Dataset.Simulated),
			"pipeline.digest":      r.definition.Digest(),
			"temporal.workflow_id": r.req.WorkflowID, "threshold": number(float64(r.model.Threshold)),
			"test.average_precision": number(r.test.Report.AveragePrecision), "test.roc_auc": number(r.test.Report.ROCAUC),
		},
	})
	if err != nil {
		return job.Logged{}, err
	}
	return job.Logged{ModelID: logged.ID, Model: name, Version: version.Number}, nil
}
