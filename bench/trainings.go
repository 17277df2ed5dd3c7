package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"temporal-streaming/internal/connect"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/registry"
	"temporal-streaming/internal/tracking"
)

// trainings are what the runs have in common: a worker, a data set, the services.
type trainings struct {
	*site
	worker   *child
	temporal client.Client
	mlflow   *tracking.Client
	models   *registry.Registry
	dataset  job.Dataset
}

func (s *site) trainings(ctx context.Context, o fitKillOptions) (*trainings, error) {
	server, err := s.serving()
	if err != nil {
		return nil, err
	}
	t := &trainings{site: s, mlflow: server.Models.MLflow, models: server.Models}
	if t.temporal, err = s.dial(ctx); err != nil {
		return nil, err
	}
	table, err := dataset.Simulate(dataset.SimulateOptions{Rows: o.rows, Seed: o.seed, FraudShare: 0.02})
	if err != nil {
		return nil, err
	}
	store, err := connect.Bucket(s.cfg.S3, 0)
	if err != nil {
		return nil, err
	}
	if err := store.EnsureBucket(ctx); err != nil {
		return nil, err
	}
	var parquet bytes.Buffer
	if err := dataset.WriteParquet(&parquet, table); err != nil {
		return nil, err
	}
	ref, err := store.Put(ctx, "datasets/"+pipelineName, "bench.parquet", parquet.Bytes())
	if err != nil {
		return nil, err
	}
	positives, err := table.Count("Class", 1)
	if err != nil {
		return nil, err
	}
	t.dataset = job.Dataset{Name: pipelineName, Object: job.Object(ref), URI: store.URI(ref), Source: "simulated for a benchmark",
		Rows: int64(table.Len()), Positives: int64(positives), Simulated: true}
	if t.worker, err = s.start(); err != nil {
		return nil, err
	}
	return t, t.worker.polls(ctx)
}

func (t *trainings) close() {
	t.temporal.Close()
	if err := t.worker.kill(); err != nil {
		t.bench.say("%v", err)
	}
}

// outcomeOfTraining is one training and what it left behind.
type outcomeOfTraining struct {
	result        job.TrainResult
	mlflow        mlflowRun
	fit           time.Duration
	attempts      int // of Fit
	member, epoch int // that Fit had reached when it was killed
}

// run trains once, from a registry without a champion, so that all runs are judged alike. The worker is killed so long after Fit
// began.
func (t *trainings) run(ctx context.Context, kill *time.Duration) (out outcomeOfTraining, err error) {
	fail := func(err error) (outcomeOfTraining, error) {
		if errors.Is(err, errTooLate) {
			return out, err
		}
		return out, fmt.Errorf("train: %w; the worker said:\n%s", err, t.worker.said)
	}
	if _, err := t.models.Find(ctx, pipelineName, registry.Champion); err == nil {
		if err := t.mlflow.DeleteAlias(ctx, pipelineName, registry.Champion); err != nil {
			return fail(err)
		}
	} else if !errors.Is(err, registry.ErrNoChampion) {
		return fail(err)
	}
	set := t.dataset
	started, err := t.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: job.TrainWorkflowID(pipelineName, time.Now()), TaskQueue: job.TrainQueue},
		job.TrainWorkflow, job.TrainRequest{Pipeline: pipelineName, Dataset: &set, By: "bench"})
	if err != nil {
		return fail(err)
	}
	if kill != nil {
		err := t.killIn(ctx, started, *kill, &out)
		if errors.Is(err, errTooLate) {
			err = errors.Join(err, started.Get(ctx, nil)) // it must not become the next one's champion
		}
		if err != nil {
			return fail(err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := started.Get(ctx, &out.result); err != nil {
		return fail(err)
	}
	if out.fit, out.attempts, err = t.history(ctx, started); err != nil {
		return fail(err)
	}
	out.mlflow, err = t.readRun(ctx, out.result.Logged)
	return out, err
}

// killIn waits until Fit runs, and then so much longer, and kills the worker. Another one takes its place.
func (t *trainings) killIn(ctx context.Context, w client.WorkflowRun, after time.Duration, out *outcomeOfTraining) error {
	if err := t.fitting(ctx, w, out); err != nil {
		return err
	}
	if err := sleep(ctx, after); err != nil {
		return err
	}
	if err := t.fitting(ctx, w, out); err != nil {
		return err
	}
	if err := t.worker.kill(); err != nil {
		return err
	}
	var err error
	if t.worker, err = t.start(); err != nil {
		return err
	}
	return t.worker.polls(ctx)
}

// fitting waits until Fit runs, and reads how far it says it is.
func (t *trainings) fitting(ctx context.Context, w client.WorkflowRun, out *outcomeOfTraining) error {
	for {
		d, err := t.temporal.DescribeWorkflowExecution(ctx, w.GetID(), w.GetRunID())
		if err != nil {
			return err
		}
		for _, a := range d.PendingActivities {
			if a.ActivityType.GetName() == "Fit" && a.State == enums.PENDING_ACTIVITY_STATE_STARTED {
				var p job.FitProgress
				if a.HeartbeatDetails != nil && converter.GetDefaultDataConverter().FromPayloads(a.HeartbeatDetails, &p) == nil {
					out.member, out.epoch = p.Member, p.Epoch
				}
				return nil
			}
		}
		if late(d) {
			return errTooLate
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// late says whether a training is past Fit.
func late(d *workflowservice.DescribeWorkflowExecutionResponse) bool {
	if d.WorkflowExecutionInfo.Status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return true
	}
	return slices.ContainsFunc(d.PendingActivities, func(a *workflow.PendingActivityInfo) bool {
		return slices.Contains([]string{"Log", "Validate", "Promote", "Reject"}, a.ActivityType.GetName())
	})
}

// history says how long the last attempt of Fit took, and which it was.
func (t *trainings) history(ctx context.Context, w client.WorkflowRun) (took time.Duration, attempts int, err error) {
	events := t.temporal.GetWorkflowHistory(ctx, w.GetID(), w.GetRunID(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	scheduled, began := int64(0), time.Time{}
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			return 0, 0, err
		}
		if a := e.GetActivityTaskScheduledEventAttributes(); a != nil && a.ActivityType.GetName() == "Fit" {
			scheduled = e.EventId
		}
		if a := e.GetActivityTaskStartedEventAttributes(); a != nil && a.ScheduledEventId == scheduled {
			began, attempts = e.EventTime.AsTime(), int(a.Attempt)
		}
		if a := e.GetActivityTaskCompletedEventAttributes(); a != nil && a.ScheduledEventId == scheduled {
			return e.EventTime.AsTime().Sub(began), attempts, nil
		}
	}
	return 0, 0, errors.New("its history holds no Fit that was completed")
}
