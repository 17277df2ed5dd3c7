package tracking

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMissingThingsAreNotFound(t *testing.T) {
	c := connect(t, mlflow(t))
	ctx := t.Context()
	r := record(t, c, "missing")
	for name, call := range map[string]func() error{
		"alias":                   func() error { _, err := c.Alias(ctx, "missing", Challenger); return err },
		"alias of no model":       func() error { _, err := c.Alias(ctx, "no-such-model", Champion); return err },
		"version by alias":        func() error { _, err := c.Version(ctx, "missing", Challenger); return err },
		"version by number":       func() error { _, err := c.Version(ctx, "missing", "99"); return err },
		"run":                     func() error { _, err := c.Run(ctx, strings.Repeat("0", 32)); return err },
		"artifact":                func() error { _, err := c.GetArtifact(ctx, r.Run.Artifacts, "plots/none.png"); return err },
		"artifact in no folder":   func() error { _, err := c.GetArtifact(ctx, r.Run.Artifacts, "none/none.png"); return err },
		"alias for no version":    func() error { return c.SetAlias(ctx, "missing", Challenger, "99") },
		"tag of no version":       func() error { return c.SetVersionTag(ctx, "missing", "99", "k", "v") },
		"promotion of no version": func() error { _, err := c.Promote(ctx, "missing", "99"); return err },
		"registration under no name": func() error {
			_, err := c.EnsureVersion(ctx, VersionSpec{Name: "no-such-model", Key: "k", ModelID: r.Model.ID, RunID: r.Run.ID})
			return err
		},
	} {
		if err := call(); !errors.Is(err, ErrNotFound) || IsRetryable(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if v := must[Version](t)(c.Version(ctx, "missing", Champion)); v.Number != r.Version.Number {
		t.Errorf("a promotion that failed moved the champion to %s", v.Number)
	}
	for range 2 {
		ok(t, c.DeleteAlias(ctx, "missing", Champion))
	}
	if _, err := c.Alias(ctx, "missing", Champion); !errors.Is(err, ErrNotFound) {
		t.Errorf("after it was deleted: %v", err)
	}
}

func TestDeletedExperimentIsExplained(t *testing.T) {
	c := connect(t, mlflow(t))
	exp := must[Experiment](t)(c.EnsureExperiment(t.Context(), "deleted"))
	ok(t, c.post(t.Context(), "experiments/delete", struct {
		ID string `json:"experiment_id"`
	}{exp.ID}, nil))
	_, err := c.EnsureExperiment(t.Context(), "deleted")
	if !errors.Is(err, ErrDeleted) || !strings.Contains(err.Error(), "mlflow experiments restore") {
		t.Fatalf("got %v", err)
	}
}

func TestParameterCannotChange(t *testing.T) {
	c := connect(t, mlflow(t))
	r := record(t, c, "parameter")
	err := c.LogBatch(t.Context(), r.Run.ID, Batch{Params: map[string]string{"seed": "8"}})
	if !errors.Is(err, ErrInvalid) || IsRetryable(err) {
		t.Fatalf("got %v", err)
	}
}

func TestBatchBeyondTheServersLimitsArrivesWhole(t *testing.T) {
	c := connect(t, mlflow(t))
	r := record(t, c, "large")
	b := Batch{Params: map[string]string{}, Tags: map[string]string{}}
	for i := range 250 {
		b.Params[fmt.Sprintf("p%d", i)] = strings.Repeat("ü", 2900)
	}
	for i := range 150 {
		b.Tags[fmt.Sprintf("t%d", i)] = strings.Repeat("x", maxTagValue)
	}
	for i := range 2500 {
		b.Metrics = append(b.Metrics, Metric{Key: "m", Value: float64(i), Time: start, Step: int64(i)})
	}
	b.Metrics = append(b.Metrics, Metric{Key: "nan", Value: math.NaN(), Time: start}, Metric{Key: "inf", Value: math.Inf(-1), Time: start})
	for range 2 {
		ok(t, c.LogBatch(t.Context(), r.Run.ID, b))
	}
	run := must[Run](t)(c.Run(t.Context(), r.Run.ID))
	for key, value := range b.Params {
		if run.Params[key] != value {
			t.Fatalf("parameter %s has %d bytes", key, len(run.Params[key]))
		}
	}
	for key, value := range b.Tags {
		if run.Tags[key] != value {
			t.Fatalf("tag %s has %d bytes", key, len(run.Tags[key]))
		}
	}
	if run.Metrics["m"] != 2499 || !math.IsNaN(run.Metrics["nan"]) || run.Metrics["inf"] != -math.MaxFloat64 {
		t.Fatalf("metrics are %v", run.Metrics)
	}
	var history struct {
		Metrics []metricWire `json:"metrics"`
	}
	ok(t, c.get(t.Context(), "metrics/get-history", url.Values{"run_id": {run.ID}, "metric_key": {"m"}, "max_results": {"9999"}}, &history))
	if len(history.Metrics) != 2500 {
		t.Fatalf("%d values recorded, want 2500", len(history.Metrics))
	}
}

func TestArtifactsKeepTheirNamesAndBytes(t *testing.T) {
	c := connect(t, mlflow(t))
	root := record(t, c, "artifacts").Run.Artifacts
	for _, f := range []File{
		{"a.txt", []byte("a")}, {"empty.csv", nil}, {"deep/er/b.json", []byte("{}")}, {"with space.txt", []byte("s")},
		{"100%.txt", []byte("p")}, {"q?.txt", []byte("q")}, {"größe.txt", []byte("u")}, {"deep/a+b&c.txt", []byte("+")},
	} {
		for range 2 {
			ok(t, c.PutArtifact(t.Context(), root, f.Path, f.Data))
		}
		if got := must[[]byte](t)(c.GetArtifact(t.Context(), root, f.Path)); string(got) != string(f.Data) {
			t.Errorf("%s: got %q", f.Path, got)
		}
	}
	for _, path := range []string{"", "/a", "../a", "a/../b", "a//b", "a#b", "a\\b", "a/", "a%25b"} {
		if err := c.PutArtifact(t.Context(), root, path, nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestUploadThatStoredLessIsNoticed(t *testing.T) {
	direct := mlflow(t)
	root := record(t, connect(t, direct), "short").Run.Artifacts
	c := connect(t, between(t, direct, func(w http.ResponseWriter, r *http.Request, _ int, forward http.Handler) {
		if r.Method == http.MethodPut { // what older servers made of a chunked upload: acknowledged, and empty
			_, err := io.Copy(io.Discard, r.Body)
			ok(t, err)
			r.Body, r.ContentLength = http.NoBody, 0
		}
		forward.ServeHTTP(w, r)
	}))
	err := c.PutArtifact(t.Context(), root, "x.bin", []byte("data"))
	if !IsRetryable(err) || !strings.Contains(err.Error(), "x.bin has 0 bytes, 4 were sent") {
		t.Fatalf("got %v", err)
	}
}

func TestTablesAreAnnouncedOnceEach(t *testing.T) {
	c := connect(t, mlflow(t))
	r := record(t, c, "tables") // puts eval/thresholds.json
	table := Table{Columns: []string{"x"}, Rows: [][]Cell{{Number(math.NaN())}, {Text("y")}}}
	for range 2 {
		ok(t, c.PutTable(t.Context(), r.Run.ID, "eval/other.json", table))
	}
	var announced []loggedArtifact
	ok(t, json.Unmarshal([]byte(must[Run](t)(c.Run(t.Context(), r.Run.ID)).Tags[tablesTag]), &announced))
	if want := []loggedArtifact{{"eval/thresholds.json", "table"}, {"eval/other.json", "table"}}; !reflect.DeepEqual(announced, want) {
		t.Fatalf("announced %v", announced)
	}
	if got := string(must[[]byte](t)(c.GetArtifact(t.Context(), r.Run.Artifacts, "eval/other.json"))); got != `{"columns":["x"],"data":[["NaN"],["y"]]}` {
		t.Fatalf("table is %s", got)
	}
}

func TestModelFileMustBeTheRegisteredOne(t *testing.T) {
	c := connect(t, mlflow(t))
	r := record(t, c, "tampered")
	ok(t, c.PutArtifact(t.Context(), r.Model.Artifacts, ONNXFile, []byte("another model")))
	if _, err := c.ModelFile(t.Context(), r.Version, ONNXFile); !errors.Is(err, ErrDigest) || IsRetryable(err) {
		t.Fatalf("replaced file: %v", err)
	}
	ok(t, c.PutArtifact(t.Context(), r.Model.Artifacts, "extra.bin", []byte("x")))
	if _, err := c.ModelFile(t.Context(), r.Version, "extra.bin"); !errors.Is(err, ErrDigest) {
		t.Fatalf("file that was not registered: %v", err)
	}
}

func TestVersionIsTheServers(t *testing.T) {
	c := connect(t, mlflow(t))
	if v := must[string](t)(c.ServerVersion(t.Context())); !strings.HasPrefix(v, "3.") {
		t.Fatalf("version %q", v)
	}
	ok(t, c.Check(t.Context()))
}

func TestFinishedRunSaysWhen(t *testing.T) {
	c := connect(t, mlflow(t))
	r := record(t, c, "finished")
	var answer struct {
		Run struct {
			Info struct {
				Start int64 `json:"start_time"`
				End   int64 `json:"end_time"`
			} `json:"info"`
		} `json:"run"`
	}
	ok(t, c.get(t.Context(), "runs/get", url.Values{"run_id": {r.Run.ID}}, &answer))
	if answer.Run.Info.Start != start.UnixMilli() || answer.Run.Info.End != start.Add(time.Minute).UnixMilli() {
		t.Fatalf("from %d to %d", answer.Run.Info.Start, answer.Run.Info.End)
	}
}
