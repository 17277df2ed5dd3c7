package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/registry"
	"temporal-streaming/internal/tracking"
)

// fitKillOptions are the flags of fit-kills.
type fitKillOptions struct {
	servers serverFlags
	kills   int
	rows    int
	seed    uint64
	json    bool
}

// fitKills trains once undisturbed, and then as often as asked with the worker killed (-9) at a random moment of Fit; and holds the
// results against one another: the model's bytes, the losses, the measures, and all that the MLflow run holds.
func (b *bench) fitKills(ctx context.Context, args []string) error {
	var o fitKillOptions
	flags := flag.NewFlagSet("bench fit-kills", flag.ContinueOnError)
	o.servers.register(flags, b.environ)
	flags.IntVar(&o.kills, "kills", 10, "trainings whose worker is killed once")
	flags.IntVar(&o.rows, "rows", 20_000, "simulated rows to train on")
	flags.Uint64Var(&o.seed, "seed", 1, "of the data and the moments")
	flags.BoolVar(&o.json, "json", false, "one JSON object a line")
	if err := b.parse(flags, args); err != nil {
		return err
	}
	if o.kills < 1 || o.rows < 2000 {
		return fmt.Errorf("%w: --kills is at least 1, and --rows 2000", errUsage)
	}
	before := load()
	s, err := b.open(ctx, o.servers)
	defer func() { s.close() }()
	if err != nil {
		return err
	}
	t, err := s.trainings(ctx, o)
	if err != nil {
		return err
	}
	defer t.close()
	undisturbed, err := t.run(ctx, nil)
	if err != nil {
		return err
	}
	b.say("undisturbed: Fit took %.1f s, %d epochs, model %s", undisturbed.fit.Seconds(), undisturbed.result.Fitted.Epochs, undisturbed.result.Fitted.Model.SHA256[:12])
	random := rand.New(rand.NewPCG(o.seed, 9))
	out := &report{bench: "fit-kills"}
	same, attempts := 0, 0
	var differ []error
	lasts := undisturbed.fit
	for i := range o.kills {
		var killed outcomeOfTraining
		var after time.Duration
		for {
			after = time.Duration(random.Float64() * 0.9 * float64(lasts))
			if killed, err = t.run(ctx, &after); !errors.Is(err, errTooLate) {
				break
			}
			lasts = lasts * 3 / 4 // the machine has less to do than it had
		}
		if err != nil {
			return err
		}
		attempts += killed.attempts - 1
		err = undisturbed.equals(killed)
		if err == nil {
			same++
		} else {
			differ = append(differ, fmt.Errorf("kill %d: %w", i+1, err))
		}
		b.say("kill -9 number %d, %.2f s into Fit at epoch %d of member %d: attempt %d ended it, the same: %v", i+1, after.Seconds(), killed.epoch, killed.member, killed.attempts, err == nil)
	}
	out.add("kills_in_fit", float64(attempts), "")
	out.add("identical_runs", float64(same), "")
	out.add("undisturbed_fit_s", undisturbed.fit.Seconds(), "s")
	out.add("compared_metrics", float64(len(undisturbed.mlflow.metrics)), "")
	out.add("compared_files", float64(len(undisturbed.mlflow.files)), "")
	out.settings = append(settings{{"pipeline", pipelineName}, {"rows", o.rows}, {"epochs", undisturbed.result.Fitted.Epochs},
		{"members", undisturbed.result.Fitted.Members}, {"seed", o.seed}}, b.machine(before)...)
	if attempts != o.kills {
		differ = append(differ, fmt.Errorf("%d of %d kills met Fit", attempts, o.kills))
	}
	return errors.Join(append([]error{b.print(out, o.json)}, differ...)...)
}

// errTooLate is returned where Fit had ended before its worker was to be killed.
var errTooLate = errors.New("the training was faster than its worker's death")

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
	store, err := artifact.NewS3(artifact.S3Config{
		Endpoint: s.cfg.S3.Endpoint, Region: s.cfg.S3.Region, Bucket: s.cfg.S3.Bucket,
		AccessKey: s.cfg.S3.AccessKey, SecretKey: s.cfg.S3.SecretKey.Reveal(),
	})
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

// equals says in what another training differs. Both results are as they stand in the workflows' histories.
func (o outcomeOfTraining) equals(other outcomeOfTraining) error {
	want, got := o.result, other.result
	for _, r := range []*job.TrainResult{&want, &got} {
		r.Validated.RowsPerSecond = 0 // a time
		r.Validated.Candidate.Version = ""
	}
	for _, it := range []struct {
		what      string
		want, got any
	}{
		{"model, losses and threshold", want.Fitted, got.Fitted}, {"features", want.Parts, got.Parts},
		{"measures", want.Validated, got.Validated}, {"decision", want.Decision, got.Decision},
	} {
		if !reflect.DeepEqual(it.want, it.got) {
			return fmt.Errorf("%s: %+v, undisturbed %+v", it.what, it.got, it.want)
		}
	}
	return o.mlflow.equals(other.mlflow)
}
