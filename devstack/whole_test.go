package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"temporal-streaming/devstack/internal/settings"
)

// TestWholeStackKeepsEverythingOverKill9 uses all four services, kills the devstack, and finds everything again. The
// tools are those of the repository's own .devstack, so that they are installed once for all tests.
func TestWholeStackKeepsEverythingOverKill9(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute, and more where the tools are not installed yet")
	}
	for _, kafka := range []string{"embedded", "apache"} {
		t.Run(kafka, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			flags := []string{"--tools", "../.devstack/tools", "--kafka", kafka}
			before := up(t, data, flags...)
			produce(t, before.EnvFile)
			first := servers{t: t, env: readEnv(t, before.EnvFile)}
			first.createExperiment("kept")
			first.putArtifact(before.EnvFile)
			first.expectSearchAttributes()

			if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			expectGone(t, before)

			began := time.Now()
			after := up(t, data, flags...)
			t.Logf("second start: %.1f s", time.Since(began).Seconds())
			expectRecord(t, after.EnvFile)
			second := servers{t: t, env: readEnv(t, after.EnvFile)}
			second.expectExperiment("kept")
			second.expectSearchAttributes()
		})
	}
}

func readEnv(t *testing.T, path string) settings.Env {
	t.Helper()
	env, err := settings.ReadEnv(path)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// servers speaks HTTP to MLflow and to Temporal's Web UI.
type servers struct {
	t   *testing.T
	env settings.Env
}

func (s servers) createExperiment(name string) {
	s.t.Helper()
	s.call(http.MethodPost, s.env["MLFLOW_TRACKING_URI"]+"/api/2.0/mlflow/experiments/create", `{"name":"`+name+`"}`)
}

func (s servers) expectExperiment(name string) {
	s.t.Helper()
	s.call(http.MethodGet, s.env["MLFLOW_TRACKING_URI"]+"/api/2.0/mlflow/experiments/get-by-name?experiment_name="+name, "")
}

// putArtifact writes through MLflow and finds the bytes in the bucket.
func (s servers) putArtifact(envFile string) {
	s.t.Helper()
	s.call(http.MethodPut, s.env["MLFLOW_TRACKING_URI"]+"/api/2.0/mlflow-artifacts/artifacts/a/b.txt", string(content))
	object, err := s3Client(s.t, envFile).GetObject(s.t.Context(), "mlflow", "a/b.txt", minio.GetObjectOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer object.Close()
	if got, err := io.ReadAll(object); err != nil || !bytes.Equal(got, content) {
		s.t.Errorf("the artifact in the bucket is %q: %v", got, err)
	}
}

func (s servers) expectSearchAttributes() {
	s.t.Helper()
	var answer struct{ CustomAttributes map[string]string }
	body := s.call(http.MethodGet, s.env["TEMPORAL_UI_URL"]+"/api/v1/namespaces/default/search-attributes", "")
	if err := json.Unmarshal(body, &answer); err != nil {
		s.t.Fatal(err)
	}
	for _, name := range []string{"Pipeline", "Stage", "ModelVersion", "DatasetDigest", "StreamState", "Decision"} {
		if !strings.HasSuffix(answer.CustomAttributes[name], "KEYWORD") {
			s.t.Errorf("search attribute %s is %q, want a keyword", name, answer.CustomAttributes[name])
		}
	}
}

func (s servers) call(method, url, body string) []byte {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s %s: %s %s: %v", method, url, answer.Status, text, err)
	}
	return text
}
