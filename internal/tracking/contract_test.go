package tracking

import (
	_ "embed"
	"net/url"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"temporal-streaming/test/stack"
)

// The tests of this file and of faults_test.go run against a real MLflow server that keeps its artifacts in a real S3.

var servers *stack.Stack

func TestMain(m *testing.M) {
	os.Exit(stack.Main(m, stack.Options{Services: []string{stack.MLflow}}, func(s *stack.Stack) { servers = s }))
}

//go:embed testdata/model.onnx
var onnxModel []byte

// start is when everything in these tests happened: a retry repeats its times.
var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func mlflow(t *testing.T) Config {
	servers.Need(t)
	return Config{URL: servers.Env["MLFLOW_TRACKING_URI"], FirstPause: time.Millisecond, LongestPause: 20 * time.Millisecond}
}

func connect(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// recorded is what one training leaves behind.
type recorded struct {
	Experiment Experiment
	Run        Run
	Model      LoggedModel
	Version    Version
	Promotion  Promotion
}

// record does everything that a training does, under one name.
func record(t *testing.T, c *Client, name string) recorded {
	t.Helper()
	ctx := t.Context()
	exp := must[Experiment](t)(c.EnsureExperiment(ctx, name))
	run := must[Run](t)(c.EnsureRun(ctx, RunSpec{
		ExperimentID: exp.ID, Key: name + "/run", Name: "train-1", Start: start, Tags: map[string]string{"mlflow.source.name": "temporal-streaming"},
	}))
	model := must[LoggedModel](t)(c.EnsureLoggedModel(ctx, LoggedModelSpec{
		ExperimentID: exp.ID, RunID: run.ID, Key: name + "/model", Name: name, Params: map[string]string{"kind": "mlp"}, Step: 12,
	}))
	ok(t, c.LogInputs(ctx, run.ID, []Input{{
		Context: "training", Name: "ulb", Digest: "4d4c65ae4d4c65ae4d4c65ae4d4c65ae4d4c65ae4d4c65ae4d4c65ae4d4c65ae", URI: "s3://fraud/rows.parquet", Rows: 100,
		Columns: []Column{{"V1", "double"}, {"V2", "double"}, {"Amount", "double"}},
	}}))
	ok(t, c.LogBatch(ctx, run.ID, Batch{
		Params: map[string]string{"seed": "7", "empty": ""},
		Tags:   map[string]string{"git": "abc"},
		Metrics: []Metric{
			{Key: "loss", Value: 0.5, Time: start, Step: 1},
			{Key: "loss", Value: 0.25, Time: start, Step: 2},
			{Key: "auc", Value: 0.97, Time: start, ModelID: model.ID, DatasetName: "ulb", DatasetDigest: "4d4c65ae4d4c65ae4d4c65ae4d4c65ae4d4c65ae4d4c65ae4d4c65ae4d4c65ae"},
		},
	}))
	ok(t, c.PutArtifact(ctx, run.Artifacts, "plots/roc.png", []byte("picture")))
	ok(t, c.PutTable(ctx, run.ID, "eval/thresholds.json", Table{Columns: []string{"at", "f1"}, Rows: [][]Cell{{Text("best"), Number(0.8)}}}))
	manifest := must[Manifest](t)(c.WriteModel(ctx, model, fraudModel()))
	ok(t, c.EnsureRegisteredModel(ctx, name, "scores card payments"))
	version := must[Version](t)(c.EnsureVersion(ctx, VersionSpec{
		Name: name, Key: name + "/version", ModelID: model.ID, RunID: run.ID, Description: "by a test", Files: manifest,
		Tags: map[string]string{"threshold": "0.5"},
	}))
	ok(t, c.SetVersionTag(ctx, name, version.Number, "validation_status", "approved"))
	promotion := must[Promotion](t)(c.Promote(ctx, name, version.Number))
	ok(t, c.FinishRun(ctx, run.ID, Finished, start.Add(time.Minute)))
	return recorded{
		Experiment: exp, Run: must[Run](t)(c.Run(ctx, run.ID)), Model: model,
		Version: must[Version](t)(c.Version(ctx, name, Champion)), Promotion: promotion,
	}
}

func fraudModel() Model {
	return Model{
		ONNX: onnxModel, Pipeline: []byte("name: creditcard\n"), FeatureSpec: []byte(`{"names":["V1","V2","Amount"]}`),
		Features: []string{"V1", "V2", "Amount"}, Example: []float64{0.5, -1.25, 120.5}, Created: start,
	}
}

// wantOne counts on the server, past everything that this package believes.
func wantOne(t *testing.T, c *Client, r recorded) {
	t.Helper()
	ctx := t.Context()
	var runs struct {
		Runs []runAnswer `json:"runs"`
	}
	ok(t, c.post(ctx, "runs/search", runSearch{Experiments: []string{r.Experiment.ID}, View: "ACTIVE_ONLY", MaxResults: 100}, &runs))
	var models struct {
		Models []modelAnswer `json:"models"`
	}
	ok(t, c.post(ctx, "logged-models/search", modelSearch{Experiments: []string{r.Experiment.ID}, MaxResults: 50}, &models))
	var versions struct {
		Versions []versionAnswer `json:"model_versions"`
	}
	ok(t, c.get(ctx, "model-versions/search", url.Values{"filter": {"name = '" + r.Version.Name + "'"}}, &versions))
	var history struct {
		Metrics []metricWire `json:"metrics"`
	}
	ok(t, c.get(ctx, "metrics/get-history", url.Values{"run_id": {r.Run.ID}, "metric_key": {"loss"}}, &history))
	if len(runs.Runs) != 1 || len(models.Models) != 1 || len(versions.Versions) != 1 || len(history.Metrics) != 2 {
		t.Fatalf("%d runs, %d models, %d versions, %d losses; want 1, 1, 1, 2",
			len(runs.Runs), len(models.Models), len(versions.Versions), len(history.Metrics))
	}
	if status := models.Models[0].Info.Status; status != readyStatus {
		t.Fatalf("model is %s", status)
	}
}

func TestTrainingIsRecordedOnceHoweverOftenItIsRepeated(t *testing.T) {
	c := connect(t, mlflow(t))
	first := record(t, c, "repeated")
	wantOne(t, c, first)
	again := record(t, c, "repeated")
	wantOne(t, c, again)
	again.Model.Ready, again.Model.Tags = first.Model.Ready, first.Model.Tags // it is found ready, with the server's tag of versions
	if !reflect.DeepEqual(first, again) {
		t.Fatalf("first %+v\nthen  %+v", first, again)
	}
}

func TestWhatIsRecordedReadsBack(t *testing.T) {
	c := connect(t, mlflow(t))
	r := record(t, c, "readback")
	run := r.Run
	if run.Status != Finished || run.Params["seed"] != "7" || run.Metrics["loss"] != 0.25 || run.Metrics["auc"] != 0.97 || run.Tags["git"] != "abc" {
		t.Errorf("run is %+v", run)
	}
	if value, found := run.Params["empty"]; !found || value != "" {
		t.Errorf("empty parameter is %q, %t", value, found)
	}
	if !slices.Equal(run.Models, []string{r.Model.ID}) {
		t.Errorf("run's models are %v", run.Models)
	}
	v := r.Version
	if v.ModelID != r.Model.ID || v.RunID != run.ID || v.Tags["threshold"] != "0.5" || v.Tags["validation_status"] != "approved" || !slices.Equal(v.Aliases, []string{Champion}) {
		t.Errorf("version is %+v", v)
	}
	if byNumber := must[Version](t)(c.Version(t.Context(), v.Name, v.Number)); !reflect.DeepEqual(byNumber, v) {
		t.Errorf("by number %+v, by alias %+v", byNumber, v)
	}
	for file, want := range map[string]string{ONNXFile: string(onnxModel), PipelineFile: "name: creditcard\n", FeatureSpecFile: `{"names":["V1","V2","Amount"]}`} {
		if got := must[[]byte](t)(c.ModelFile(t.Context(), v, file)); string(got) != want {
			t.Errorf("%s holds %q", file, got)
		}
	}
}
