package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/config"
	"temporal-streaming/internal/connect"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/serving"
	"temporal-streaming/internal/tracking"
	"temporal-streaming/pipelines"
	"temporal-streaming/starter/internal/control"
)

// reach is how each service is reached. Nothing is dialled before a command needs it.
type reach struct {
	temporal func(ctx context.Context, vars config.Vars) (controlPlane, error)
	objects  func(config.S3) (objectStore, error)
	kafka    brokers
	mlflow   func(config.MLflow) (modelRegistry, error)
	server   func(config.Config) (*serving.Server, error) // all that a worker has for its streams
}

// controlPlane is what commands ask of Temporal; *control.Temporal is one.
type controlPlane interface {
	trainer
	searcher
	streamer
	Examine(ctx context.Context, attributes []string) (control.Server, error)
	Address() string
	Namespace() string
	Close()
}

// objectStore is an S3 bucket, or memory in tests.
type objectStore interface {
	artifact.Store
	URI(artifact.Ref) string
	EnsureBucket(ctx context.Context) error
	Check(ctx context.Context) error
}

// modelRegistry is what commands ask of MLflow; *tracking.Client is one.
type modelRegistry interface {
	Check(ctx context.Context) error
	ServerVersion(ctx context.Context) (string, error)
	Version(ctx context.Context, name, numberOrAlias string) (tracking.Version, error)
}

// streamer starts, watches, orders and stops streams.
type streamer interface {
	Attach(ctx context.Context, request job.InferenceRequest) (job.InferenceStatus, control.Run, error)
	StreamStatus(ctx context.Context, run control.Run) (job.InferenceStatus, error)
	Stop(ctx context.Context, pipeline string, request job.StopRequest) (job.StopReceipt, error)
	Order(ctx context.Context, pipeline string, o control.Order) (job.ControlReceipt, error)
	Scale(ctx context.Context, pipeline string, request job.ScaleRequest) (job.ScaleReceipt, error)
	Streams(ctx context.Context, pipeline string) ([]control.Execution, error)
	Describe(ctx context.Context, run control.Run) (control.Execution, error)
	Workers(ctx context.Context, queue string) (int, error)
}

func realServices() reach {
	return reach{
		kafka: realBrokers(),
		temporal: func(ctx context.Context, vars config.Vars) (controlPlane, error) {
			return control.Dial(ctx, vars)
		},
		mlflow: func(m config.MLflow) (modelRegistry, error) {
			return connect.MLflow(m, 1)
		},
		server: func(cfg config.Config) (*serving.Server, error) {
			return connect.Server(cfg, slog.New(slog.DiscardHandler))
		},
		objects: func(s config.S3) (objectStore, error) {
			return connect.Bucket(s, 3)
		},
	}
}

// temporal connects to Temporal, or says in a sentence why not.
func (a *app) temporal(ctx context.Context) (controlPlane, error) {
	vars, err := config.Environ(a.environ)
	if err != nil {
		return nil, fail(err, "Mend the variable that names the file.")
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	t, err := a.reach.temporal(ctx, vars)
	if err != nil {
		return nil, a.temporalProblem(err)
	}
	return t, nil
}

// temporalProblem says what to do about an error of package control.
func (a *app) temporalProblem(err error) error {
	var refused *control.Refused
	switch {
	case err == nil:
		return nil
	case errors.Is(err, control.ErrUnreachable):
		return fail(fmt.Errorf("no Temporal server answers at %s", a.temporalAddress()),
			"Start the local stack with `make up`, or set TEMPORAL_ADDRESS to your server.")
	case errors.Is(err, control.ErrNamespace):
		return fail(err, "Set TEMPORAL_NAMESPACE to one that exists, or create it: temporal operator namespace create NAME.")
	case errors.Is(err, control.ErrAttributes):
		return fail(err, "`starter doctor` lists the missing ones; register them: temporal operator search-attribute create --name %s --type Keyword.", job.PipelineAttribute)
	case errors.Is(err, control.ErrNoAnswer):
		return fail(err, "Start a worker: make worker. `starter doctor` shows who polls the queues.")
	case errors.As(err, &refused):
		return fail(err, "%s", nextFor(refused.Type))
	default:
		return err
	}
}

// nextFor is what to do about a failure that a workflow reports, by its type.
func nextFor(errType string) string {
	switch errType {
	case job.ErrTypeNoChampion:
		return "Train a model first: starter train PIPELINE."
	case job.ErrTypeNotFound:
		return "Make what is named, or name another; `starter doctor` checks topics, buckets and models."
	case job.ErrTypeInvalid:
		return "Correct what the message names and start again; nothing was changed."
	case job.ErrTypeCorrupt:
		return "The stored bytes were changed after they were written. Load the data set again (starter load) or train again."
	case job.ErrTypeOffsetLost:
		return "The broker deleted records before they were scored. Decide where to go on: starter seek PIPELINE --partition P --offset N --reason R."
	case job.ErrTypeHistoryLost:
		return "Restore the object store's streams/ folder, or build the history anew from an archive: starter backfill PIPELINE."
	case job.ErrTypeFenced:
		return "Another process owns these partitions. `starter status` shows which."
	default:
		return "The Temporal Web UI shows every attempt with its error; `starter doctor` checks the services."
	}
}

func (a *app) temporalAddress() string {
	if cfg, err := config.Load(a.environ); err == nil {
		return cfg.Temporal.Address
	}
	return a.variable("TEMPORAL_ADDRESS")
}

// credentials refuses to ask the object store without any.
func credentials(s config.S3) error {
	if s.AccessKey == "" || s.SecretKey == "" {
		return fail(fmt.Errorf("no credentials for the object store at %s", s.Endpoint),
			"Start the local stack with `make up`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
	}
	return nil
}

// server makes all that a worker has for its streams.
func (a *app) server(cfg config.Config) (*serving.Server, error) {
	if err := credentials(cfg.S3); err != nil {
		return nil, err
	}
	server, err := a.reach.server(cfg)
	if err != nil {
		return nil, fail(err, "`starter doctor` checks every service.")
	}
	return server, nil
}

// objects opens the bucket.
func (a *app) objects(cfg config.Config) (objectStore, error) {
	if err := credentials(cfg.S3); err != nil {
		return nil, err
	}
	store, err := a.reach.objects(cfg.S3)
	if err != nil {
		return nil, fail(err, "Check S3_ENDPOINT and S3_BUCKET.")
	}
	return store, nil
}

// objectProblem says what to do about an error of the object store.
func objectProblem(cfg config.Config, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, artifact.ErrUnavailable):
		return fail(err, "Start the local stack with `make up`, or set S3_ENDPOINT (now %s).", cfg.S3.Endpoint)
	case errors.Is(err, artifact.ErrDenied):
		return fail(err, "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do in bucket %s.", cfg.S3.Bucket)
	case errors.Is(err, artifact.ErrBucketMissing):
		return fail(err, "Create bucket %s, or set S3_BUCKET to one that exists.", cfg.S3.Bucket)
	case errors.Is(err, artifact.ErrNotFound):
		return fail(err, "Load a data set first: starter load PIPELINE FILE.")
	default:
		return err
	}
}

// about reads the settings and finds the pipeline that a command is about.
func (a *app) about(name string) (config.Config, *pipeline.Definition, error) {
	cfg, err := a.settings()
	if err != nil {
		return cfg, nil, err
	}
	d, err := a.pipeline(name)
	return cfg, d, err
}

// pipeline finds the definition of a pipeline; a name that is unknown is a wrong command line.
func (a *app) pipeline(name string) (*pipeline.Definition, error) {
	d, err := pipelines.Load(name)
	if err == nil {
		return d, nil
	}
	known := pipelines.Names()
	for _, k := range known {
		if k == name {
			return nil, fail(err, "Mend the file and build again.")
		}
	}
	next := "Known pipelines: " + join(known) + "."
	if near := nearest(name, known); near != "" {
		next = "Did you mean " + near + "? " + next
	}
	return nil, misuse(next, "there is no pipeline %s", name)
}
