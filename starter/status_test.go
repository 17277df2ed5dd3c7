package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/test/golden"
)

func TestStatusMergesWorkflowHeartbeatsAndOffsets(t *testing.T) {
	golden.Compare(t, "status.txt", streaming(t).run(t.Context(), "status").all())
}

func TestStatusOfAStoppedStreamComesFromKafka(t *testing.T) {
	b := streaming(t)
	b.temporal.streams = func(pipeline string) ([]control.Execution, error) {
		return []control.Execution{{Run: streamRun, Pipeline: pipeline, State: "completed", Closed: noon.Add(-time.Hour)}}, nil
	}
	b.app.reach.kafka.group = positions
	golden.Compare(t, "status-stopped.txt", b.run(t.Context(), "status", "creditcard").all())
}

func TestStatusWithoutTemporalStillShowsTheLag(t *testing.T) {
	b := streaming(t)
	b.app.reach.temporal = func(context.Context, config.Vars) (controlPlane, error) { return nil, control.ErrUnreachable }
	b.app.reach.kafka.group = positions
	r := b.run(t.Context(), "status")
	if r.code != exitOK {
		t.Errorf("exit %d", r.code)
	}
	golden.Compare(t, "status-without-temporal.txt", r.all())
}

func TestStatusForScriptsHasStableNames(t *testing.T) {
	r := streaming(t).run(t.Context(), "status", "--json")
	var answer statusAnswer
	if err := json.Unmarshal([]byte(r.out), &answer); err != nil || len(answer.Streams) != 1 {
		t.Fatalf("standard output is %q: %v", r.out, err)
	}
	s := answer.Streams[0]
	if s.State != "running" || s.Predictions != 81_490 || s.Lag != -1 || len(s.Partitions) != 4 || s.P99Millis != 31 {
		t.Errorf("got %+v", s)
	}
	golden.Compare(t, "status.json", r.out)
}

func TestStatusOfNothing(t *testing.T) {
	b := newBench(t)
	b.temporal.streams = func(string) ([]control.Execution, error) { return nil, nil }
	r := b.run(t.Context(), "status")
	if r.code != exitOK || !strings.Contains(r.out, "starter inference creditcard") {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
}

func TestStatusWhileNoWorkerAnswers(t *testing.T) {
	b := streaming(t)
	b.temporal.status = func() (job.InferenceStatus, error) { return job.InferenceStatus{}, control.ErrNoAnswer }
	r := b.run(t.Context(), "status")
	if r.code != exitOK || !strings.Contains(r.out, "No worker answers") || !strings.Contains(r.out, "41,000") {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
}

func TestStatusOfAStreamThatCannotStartSaysWhy(t *testing.T) {
	b := streaming(t)
	b.temporal.describe = func(control.Run) (control.Execution, error) { return failing, nil }
	b.temporal.status = func() (job.InferenceStatus, error) { return job.InferenceStatus{State: job.StreamStarting}, nil }
	r := b.run(t.Context(), "status")
	if r.code != exitOK || !strings.Contains(r.out, "waits for  "+failingWords+"\n") {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
}
