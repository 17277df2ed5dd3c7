package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/stream"
	"temporal-streaming/internal/tracking"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/test/golden"
)

// healthy is a bench on which everything works.
func healthy(t *testing.T) *bench {
	b := newBench(t)
	b.temporal.examine = func() (control.Server, error) { return control.Server{Version: "1.32.0"}, nil }
	b.app.reach.kafka.ping = func(context.Context, stream.Kafka) (stream.Cluster, error) {
		return stream.Cluster{Brokers: []string{"localhost:19092"}, Topics: map[string]int{"hello-fraud": 4, "hello-predictions": 4, "hello-fraud.dlq": 1}}, nil
	}
	b.app.reach.kafka.fence = func(context.Context, stream.Kafka, []string) error { return nil }
	b.app.reach.mlflow = func(config.MLflow) (modelRegistry, error) {
		return &fakeRegistry{versions: map[string]tracking.Version{"creditcard": {Name: "creditcard", Number: "3"}}}, nil
	}
	metrics := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(metrics.Close)
	b.app.environ = append(b.app.environ, "WORKER_METRICS_ADDRESS="+strings.TrimPrefix(metrics.URL, "http://"))
	return b
}

// without hides what differs from run to run.
func (b *bench) without(t *testing.T, r result) string {
	cfg, err := b.app.settings()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(r.all(), cfg.Worker.MetricsAddress, "METRICS")
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if at := strings.Index(l, "an object of "); at >= 0 {
			lines[i] = l[:at] + "an object came back the same"
		}
		if at := strings.Index(l, "valid; "); at >= 0 {
			lines[i] = l[:at] + "valid"
		}
	}
	return strings.Join(lines, "\n")
}

func TestDoctorFindsEverythingWell(t *testing.T) {
	b := healthy(t)
	r := b.run(t.Context(), "doctor")
	if r.code != exitOK {
		t.Errorf("exit %d", r.code)
	}
	golden.Compare(t, "doctor-well.txt", b.without(t, r))
}

func TestDoctorSaysWhatToMend(t *testing.T) {
	b := newBench(t)
	b.store.check = errAway
	b.app.reach.mlflow = func(config.MLflow) (modelRegistry, error) { return &fakeRegistry{check: tracking.ErrDenied}, nil }
	b.temporal.workers = func(string) (int, error) { return 0, nil }
	b.temporal.examine = func() (control.Server, error) {
		return control.Server{Version: "1.32.0", Missing: []string{"Pipeline"}}, nil
	}
	r := b.run(t.Context(), "doctor")
	if r.code != exitFailed {
		t.Errorf("exit %d", r.code)
	}
	golden.Compare(t, "doctor-ill.txt", b.without(t, r))
}

func TestDoctorPrintsNoSecret(t *testing.T) {
	for _, b := range []*bench{healthy(t), newBench(t)} {
		for _, flag := range []string{"--json", "--json=false"} {
			if r := b.run(t.Context(), "doctor", flag); strings.Contains(r.out+r.stderr, "hunter2") {
				t.Errorf("a secret is printed:\n%s%s", r.out, r.stderr)
			}
		}
	}
}

func TestDoctorForScripts(t *testing.T) {
	b := healthy(t)
	b.temporal.workers = func(string) (int, error) { return 0, nil }
	r := b.run(t.Context(), "doctor", "--json")
	var answer doctorAnswer
	if err := json.Unmarshal([]byte(r.out), &answer); err != nil {
		t.Fatalf("standard output is %q: %v", r.out, err)
	}
	if !answer.OK || r.code != exitOK { // a warning is no failure
		t.Errorf("exit %d: %+v", r.code, answer)
	}
}
