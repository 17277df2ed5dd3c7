package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/tracking"
)

// mlflowRun is all that a run holds but for what names the run itself, such as its workflow, and how fast the machine was.
type mlflowRun struct {
	status  tracking.RunStatus
	params  map[string]string
	tags    map[string]string
	metrics map[string]string // the whole history of each: steps and values
	files   map[string]string // SHA-256 of each
}

// ofTheRun are tags that name the run or link to its workflow.
var ofTheRun = []string{"temporal.", "idempotency_", "mlflow.note.content", "mlflow.runName", "validated_at", "mlflow.log-model"}

// ofTheMachine are metrics that are times.
var ofTheMachine = []string{"scoring_rows_per_second"}

func (t *trainings) readRun(ctx context.Context, logged job.Logged) (out mlflowRun, err error) {
	run, err := t.mlflow.Run(ctx, logged.RunID)
	if err != nil {
		return out, err
	}
	out = mlflowRun{status: run.Status, params: run.Params, tags: map[string]string{}, metrics: map[string]string{}, files: map[string]string{}}
	for key, value := range run.Tags {
		if !slices.ContainsFunc(ofTheRun, func(own string) bool { return strings.HasPrefix(key, own) }) {
			out.tags[key] = value
		}
	}
	for key := range run.Metrics {
		if slices.Contains(ofTheMachine, key) {
			continue
		}
		if out.metrics[key], err = t.metricHistory(ctx, run.ID, key); err != nil {
			return out, err
		}
	}
	return out, t.files(ctx, run.Artifacts, "", out.files)
}

// metricHistory is every step and value of a metric, as text. Times of steps are those of the run.
func (t *trainings) metricHistory(ctx context.Context, run, key string) (string, error) {
	address := strings.TrimSuffix(t.cfg.MLflow.URI, "/") + "/api/2.0/mlflow/metrics/get-history?" + url.Values{"run_id": {run}, "metric_key": {key}, "max_results": {"5000"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	if token := t.cfg.MLflow.Token.Reveal(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	} else if t.cfg.MLflow.Username != "" {
		req.SetBasicAuth(t.cfg.MLflow.Username, t.cfg.MLflow.Password.Reveal())
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("read metric %s: %w", key, err)
	}
	defer answer.Body.Close()
	var history struct {
		Metrics []struct {
			Value float64 `json:"value"`
			Step  int64   `json:"step"`
		} `json:"metrics"`
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("read metric %s: MLflow says %s", key, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(&history); err != nil {
		return "", fmt.Errorf("read metric %s: %w", key, err)
	}
	var lines []string
	for _, m := range history.Metrics {
		lines = append(lines, fmt.Sprintf("%d %v", m.Step, m.Value))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}

func (t *trainings) files(ctx context.Context, root tracking.Root, dir string, into map[string]string) error {
	list, err := t.mlflow.ListArtifacts(ctx, root, dir)
	if err != nil {
		return err
	}
	for _, f := range list {
		if f.Dir {
			if err := t.files(ctx, root, f.Path, into); err != nil {
				return err
			}
			continue
		}
		data, err := t.mlflow.GetArtifact(ctx, root, f.Path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		into[f.Path] = hex.EncodeToString(sum[:])
	}
	return nil
}

// equals names the first thing in which another run differs.
func (r mlflowRun) equals(other mlflowRun) error {
	if r.status != other.status {
		return fmt.Errorf("the MLflow run is %s, undisturbed %s", other.status, r.status)
	}
	for _, it := range []struct {
		what      string
		want, got map[string]string
	}{{"parameter", r.params, other.params}, {"tag", r.tags, other.tags}, {"metric", r.metrics, other.metrics}, {"file", r.files, other.files}} {
		if maps.Equal(it.want, it.got) {
			continue
		}
		keys := slices.Sorted(maps.Keys(it.want))
		for _, key := range append(keys, slices.Sorted(maps.Keys(it.got))...) {
			if it.want[key] != it.got[key] {
				return fmt.Errorf("%s %s of the MLflow run is %q, undisturbed %q", it.what, key, it.got[key], it.want[key])
			}
		}
	}
	return nil
}
