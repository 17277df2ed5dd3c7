package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
	"temporal-streaming/internal/tracking"
	"temporal-streaming/starter/internal/control"
)

// noon is when all tests take place.
var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// result is what a run of the program left.
type result struct {
	code        int
	out, stderr string
}

// all is everything a person sees, for golden files.
func (r result) all() string {
	return "exit " + string(rune('0'+r.code%10)) + "\n-- stdout\n" + r.out + "-- stderr\n" + r.stderr
}

// bench is a program whose services are fakes: those that a test leaves alone fail
// the call, and no test reaches a network.
type bench struct {
	app         *app
	temporal    *fakeTemporal
	store       *fakeStore
	out, stderr bytes.Buffer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	settings := filepath.Join(t.TempDir(), "settings")
	if err := os.WriteFile(settings, []byte("AWS_ACCESS_KEY_ID=key\nAWS_SECRET_ACCESS_KEY=hunter2\nMLFLOW_TRACKING_PASSWORD=hunter2\nKAFKA_SASL_PASSWORD=hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := &bench{temporal: &fakeTemporal{}, store: &fakeStore{Memory: artifact.NewMemory(0)}}
	b.app = newApp([]string{"TEMPORAL_STREAMING_ENV=" + settings, "WORKER_METRICS_ADDRESS=127.0.0.1:1"}, &bytes.Buffer{}, &b.out, &b.stderr)
	b.app.now = func() time.Time { return noon }
	b.app.console.now = b.app.now
	b.app.pace = pace{watch: time.Millisecond, workers: time.Millisecond, patience: time.Millisecond, quiet: 5 * time.Millisecond}
	b.app.reach = reach{
		temporal: func(context.Context, config.Vars) (controlPlane, error) { return b.temporal, nil },
		objects:  func(config.S3) (objectStore, error) { return b.store, nil },
		mlflow:   func(config.MLflow) (modelRegistry, error) { return nil, errors.New("no MLflow in this test") },
		kafka: brokers{
			tail: func(context.Context, stream.Kafka, string, stream.Start) (tail, error) {
				return nil, stream.ErrUnreachable
			},
			send: func(context.Context, stream.SenderOptions) (sender, error) { return nil, stream.ErrUnreachable },
			group: func(context.Context, stream.Kafka, string, string) ([]stream.GroupPosition, error) {
				return nil, stream.ErrUnreachable
			},
			since: func(context.Context, stream.Kafka, string, time.Time) ([]int64, error) {
				return nil, stream.ErrUnreachable
			},
			letters: func(context.Context, stream.Kafka, string, time.Duration) (*stream.DeadLetters, error) {
				return nil, stream.ErrUnreachable
			},
			letter: func(context.Context, stream.Kafka, string, stream.Place, time.Duration) (stream.Record, error) {
				return stream.Record{}, stream.ErrUnreachable
			},
			resolve: func(context.Context, stream.Resolver, stream.Action, []stream.Place, stream.Fix) ([]stream.Resolved, error) {
				return nil, stream.ErrUnreachable
			},
			follow: func(context.Context, stream.Kafka, *stream.DeadLetters, string, string, stream.Resolution) (stream.Trace, error) {
				return stream.Trace{}, stream.ErrUnreachable
			},
			ping: func(context.Context, stream.Kafka) (stream.Cluster, error) {
				return stream.Cluster{}, stream.ErrUnreachable
			},
			fence: func(context.Context, stream.Kafka, []string) error { return stream.ErrUnreachable },
		},
	}
	return b
}

func (b *bench) run(ctx context.Context, args ...string) result {
	b.out.Reset()
	b.stderr.Reset()
	code := b.app.run(ctx, args)
	return result{code: code, out: b.out.String(), stderr: b.stderr.String()}
}

// fakeTemporal answers with its fields; a field that is nil is a call that the test
// does not expect.
type fakeTemporal struct {
	start    func(job.TrainRequest) (control.Run, error)
	progress func() (job.TrainProgress, error)
	wait     func(context.Context) (job.TrainResult, error)
	attach   func(context.Context, job.InferenceRequest) (job.InferenceStatus, control.Run, error)
	status   func() (job.InferenceStatus, error)
	stop     func(job.StopRequest) (job.StopReceipt, error)
	order    func(context.Context, control.Order) (job.ControlReceipt, error)
	scale    func(job.ScaleRequest) (job.ScaleReceipt, error)
	streams  func(pipeline string) ([]control.Execution, error)
	describe func(control.Run) (control.Execution, error)
	workers  func(queue string) (int, error)
	examine  func() (control.Server, error)
	searches func(job.SearchRequest) (control.Run, error)
	found    func(context.Context) (job.SearchResult, error)
	cancel   func(control.Run) error
}

func (f *fakeTemporal) StartSearch(_ context.Context, r job.SearchRequest, _ time.Time) (control.Run, error) {
	if f.searches == nil {
		return control.Run{}, errUnexpected
	}
	return f.searches(r)
}

func (f *fakeTemporal) SearchProgress(context.Context, control.Run) (job.SearchProgress, error) {
	return job.SearchProgress{}, nil
}

func (f *fakeTemporal) WaitSearch(ctx context.Context, _ control.Run) (job.SearchResult, error) {
	if f.found == nil {
		return job.SearchResult{}, errUnexpected
	}
	return f.found(ctx)
}

func (f *fakeTemporal) CancelSearch(_ context.Context, run control.Run) error {
	if f.cancel == nil {
		return errUnexpected
	}
	return f.cancel(run)
}

var errUnexpected = errors.New("this call was not expected")

func (f *fakeTemporal) StartTrain(_ context.Context, r job.TrainRequest, _ time.Time) (control.Run, error) {
	if f.start == nil {
		return control.Run{}, errUnexpected
	}
	return f.start(r)
}

func (f *fakeTemporal) TrainProgress(context.Context, control.Run) (job.TrainProgress, error) {
	if f.progress == nil {
		return job.TrainProgress{}, errUnexpected
	}
	return f.progress()
}

func (f *fakeTemporal) WaitTrain(ctx context.Context, _ control.Run) (job.TrainResult, error) {
	if f.wait == nil {
		return job.TrainResult{}, errUnexpected
	}
	return f.wait(ctx)
}

func (f *fakeTemporal) Attach(ctx context.Context, r job.InferenceRequest) (job.InferenceStatus, control.Run, error) {
	if f.attach == nil {
		return job.InferenceStatus{}, control.Run{}, errUnexpected
	}
	return f.attach(ctx, r)
}

func (f *fakeTemporal) StreamStatus(context.Context, control.Run) (job.InferenceStatus, error) {
	if f.status == nil {
		return job.InferenceStatus{}, errUnexpected
	}
	return f.status()
}

func (f *fakeTemporal) Stop(_ context.Context, _ string, r job.StopRequest) (job.StopReceipt, error) {
	if f.stop == nil {
		return job.StopReceipt{}, errUnexpected
	}
	return f.stop(r)
}

func (f *fakeTemporal) Order(ctx context.Context, _ string, o control.Order) (job.ControlReceipt, error) {
	if f.order == nil {
		return job.ControlReceipt{}, errUnexpected
	}
	return f.order(ctx, o)
}

func (f *fakeTemporal) Scale(_ context.Context, _ string, r job.ScaleRequest) (job.ScaleReceipt, error) {
	if f.scale == nil {
		return job.ScaleReceipt{}, errUnexpected
	}
	return f.scale(r)
}

func (f *fakeTemporal) Streams(_ context.Context, pipeline string) ([]control.Execution, error) {
	if f.streams == nil {
		return nil, errUnexpected
	}
	return f.streams(pipeline)
}

func (f *fakeTemporal) Describe(_ context.Context, run control.Run) (control.Execution, error) {
	if f.describe == nil {
		return control.Execution{}, control.ErrNotFound
	}
	return f.describe(run)
}

func (f *fakeTemporal) Workers(_ context.Context, queue string) (int, error) {
	if f.workers == nil {
		return 1, nil
	}
	return f.workers(queue)
}

func (f *fakeTemporal) Examine(context.Context, []string) (control.Server, error) {
	if f.examine == nil {
		return control.Server{}, errUnexpected
	}
	return f.examine()
}

func (f *fakeTemporal) Address() string   { return "localhost:7233" }
func (f *fakeTemporal) Namespace() string { return "default" }
func (f *fakeTemporal) Close()            {}

// fakeStore is a bucket in memory.
type fakeStore struct {
	*artifact.Memory
	check error
}

func (s *fakeStore) URI(r artifact.Ref) string          { return "s3://fraud/" + r.Key }
func (s *fakeStore) EnsureBucket(context.Context) error { return s.check }
func (s *fakeStore) Check(context.Context) error        { return s.check }

// fakeRegistry is an MLflow whose models are Versions.
type fakeRegistry struct {
	check    error
	versions map[string]tracking.Version // by name
}

func (r *fakeRegistry) Check(context.Context) error                   { return r.check }
func (r *fakeRegistry) ServerVersion(context.Context) (string, error) { return "3.17.2", nil }
func (r *fakeRegistry) Version(_ context.Context, name, _ string) (tracking.Version, error) {
	v, ok := r.versions[name]
	if !ok {
		return tracking.Version{}, tracking.ErrNotFound
	}
	return v, nil
}

// fakeTail yields its records and then waits, or ends with err if that is set.
type fakeTail struct {
	records []stream.Record
	err     error
}

func (f *fakeTail) Next(ctx context.Context) (stream.Record, error) {
	if len(f.records) > 0 {
		r := f.records[0]
		f.records = f.records[1:]
		return r, nil
	}
	if f.err != nil {
		return stream.Record{}, f.err
	}
	<-ctx.Done()
	return stream.Record{}, ctx.Err()
}

func (f *fakeTail) Close() error { return nil }

// reported is a pending activity with a heartbeat.
func reported(t *testing.T, kind string, heartbeat any) control.Activity {
	t.Helper()
	var payloads *commonpb.Payloads
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(heartbeat)
	if err != nil {
		t.Fatal(err)
	}
	return control.Activity{Type: kind, Attempt: 1, Started: true, Heartbeat: payloads}
}
