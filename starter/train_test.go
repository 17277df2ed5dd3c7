package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
	"temporal-streaming/test/golden"
)

var trainRun = control.Run{WorkflowID: "train-creditcard-20261101-120000.000", RunID: "run-1"}

func trained(promote bool) job.TrainResult {
	candidate := job.Quality{Version: "4", Rows: 4531, Positives: 77, AUC: 0.9845, AveragePrecision: 0.8882, Precision: 0.9545, Recall: 0.8182, Brier: 0.0033, ECE: 0.0015, Threshold: 0.5176}
	champion := job.Quality{Version: "3", Rows: 4531, Positives: 77, AUC: 0.9801, AveragePrecision: 0.8902, Precision: 0.9545, Recall: 0.7922, Brier: 0.0031, ECE: 0.0021, Threshold: 0.61}
	r := job.TrainResult{
		Pipeline: "creditcard", Champion: "4",
		Dataset:   job.Dataset{Source: "creditcard.csv.gz", Rows: 22654, Positives: 492},
		Logged:    job.Logged{Model: "creditcard", Version: "4", RunURL: "http://localhost:5000/#/experiments/1/runs/r", VersionURL: "http://localhost:5000/#/models/creditcard/versions/4"},
		Fitted:    job.Fitted{Epochs: 72, Members: 3, Seed: 7},
		Validated: job.Validated{Candidate: candidate, Champion: &champion, GapToTraining: 1.2e-7, GapToFile: 6e-8, RowsPerSecond: 4.8e6},
		Decision:  job.Decision{Promote: true, Reasons: []string{"passes every gate"}},
		Parts:     job.Engineered{Train: job.Part{Rows: 13592}, Validation: job.Part{Rows: 4531}, Test: job.Part{Rows: 4531}},
	}
	if !promote {
		r.Champion, r.Dataset.Simulated = "3", true
		r.Decision = job.Decision{Reasons: []string{"average precision 0.8882 is 0.0300 below the champion's"}}
	}
	return r
}

// steps is a run whose step number running goes on, 0 the first.
func steps(running int) []job.Step {
	var out []job.Step
	for i, name := range []string{"Ingest", "Engineer", "Fit", "Log", "Validate", "Promote"} {
		s := job.Step{Name: name, State: job.StepWaiting}
		switch {
		case i < running:
			s = job.Step{Name: name, State: job.StepDone, Detail: "done with " + name, Started: noon.Add(-9 * time.Second), Ended: noon.Add(-8500 * time.Millisecond)}
		case i == running:
			s = job.Step{Name: name, State: job.StepRunning, Started: noon.Add(-8 * time.Second)}
		}
		out = append(out, s)
	}
	return out
}

// training is a bench on which a run goes through its steps, one a look, and ends so.
func trainingBench(t *testing.T, result job.TrainResult, failed error) *bench {
	b := newBench(t)
	look, ended := 0, make(chan struct{})
	b.temporal.start = func(job.TrainRequest) (control.Run, error) { return trainRun, nil }
	b.temporal.describe = func(run control.Run) (control.Execution, error) {
		return control.Execution{Run: trainRun, Running: true, Pending: []control.Activity{
			reported(t, "Fit", job.FitProgress{Member: 2, Members: 3, Epoch: 10, Epochs: 40, Done: 1.25 / 3, ValidationLoss: 0.05, ValidationAP: 0.8123, RowsPerSecond: 54321}),
		}}, nil
	}
	b.temporal.progress = func() (job.TrainProgress, error) {
		if look++; look == 7 {
			close(ended)
		}
		return job.TrainProgress{Steps: steps(min(look-1, 6))}, nil
	}
	b.temporal.wait = func(ctx context.Context) (job.TrainResult, error) {
		select {
		case <-ended:
			return result, failed
		case <-ctx.Done():
			return job.TrainResult{}, ctx.Err()
		}
	}
	return b
}

func TestTrainShowsStepsThenTheComparison(t *testing.T) {
	r := trainingBench(t, trained(true), nil).run(t.Context(), "train", "creditcard")
	if r.code != exitOK {
		t.Errorf("exit %d, want %d", r.code, exitOK)
	}
	golden.Compare(t, "train-promoted.txt", r.all())
}

func TestRejectedModelIsExitCode3(t *testing.T) {
	r := trainingBench(t, trained(false), nil).run(t.Context(), "train", "creditcard")
	if r.code != exitRejected {
		t.Errorf("exit %d, want %d", r.code, exitRejected)
	}
	golden.Compare(t, "train-rejected.txt", r.all())
}

func TestFailedRunNamesTheErrorAndItsHistory(t *testing.T) {
	refused := &control.Refused{Type: job.ErrTypeNotFound, Message: "no data set is loaded; load one with: starter load creditcard FILE"}
	r := trainingBench(t, job.TrainResult{}, refused).run(t.Context(), "train", "creditcard")
	if r.code != exitFailed || !strings.Contains(r.stderr, refused.Message) || !strings.Contains(r.stderr, "/workflows/"+trainRun.WorkflowID) {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestTrainForScriptsPrintsOneObject(t *testing.T) {
	r := trainingBench(t, trained(true), nil).run(t.Context(), "train", "creditcard", "--json")
	var answer trainAnswer
	if err := json.Unmarshal([]byte(r.out), &answer); err != nil {
		t.Fatalf("standard output is %q: %v", r.out, err)
	}
	if answer.Outcome != "promoted" || answer.WorkflowID != trainRun.WorkflowID || answer.Result == nil || answer.Result.Logged.Version != "4" {
		t.Errorf("got %+v", answer)
	}
	if !strings.Contains(r.stderr, "Fit") {
		t.Errorf("people see nothing: %q", r.stderr)
	}
}

func TestDetachStartsAndReturns(t *testing.T) {
	b := trainingBench(t, job.TrainResult{}, nil)
	b.temporal.progress, b.temporal.wait = nil, nil
	var asked job.TrainRequest
	b.temporal.start = func(r job.TrainRequest) (control.Run, error) { asked = r; return trainRun, nil }
	r := b.run(t.Context(), "train", "creditcard", "--detach", "--seed", "11")
	if r.code != exitOK || asked.Pipeline != "creditcard" || asked.Seed != 11 || asked.By == "" {
		t.Errorf("exit %d, asked for %+v", r.code, asked)
	}
	golden.Compare(t, "train-detach.txt", r.all())
}

func TestCtrlCLeavesTheRunAlone(t *testing.T) {
	b := trainingBench(t, trained(true), nil)
	ctx, interrupt := context.WithCancel(t.Context())
	b.temporal.progress = func() (job.TrainProgress, error) {
		interrupt()
		return job.TrainProgress{Steps: steps(0)}, nil
	}
	r := b.run(ctx, "train", "creditcard")
	if r.code != exitDetached || !strings.Contains(r.out, "the run goes on") || !strings.Contains(r.out, "--attach "+trainRun.WorkflowID) {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
}

func TestMissingWorkerIsSaidAtOnceAndTheWaitGoesOn(t *testing.T) {
	b := trainingBench(t, trained(true), nil)
	asked := 0
	b.app.pace.workers = 0
	b.temporal.workers = func(queue string) (int, error) {
		if queue != job.TrainQueue {
			t.Errorf("asked for queue %s", queue)
		}
		if asked++; asked < 3 {
			return 0, nil
		}
		return 1, nil
	}
	r := b.run(t.Context(), "train", "creditcard")
	none := strings.Index(r.out, `No worker polls queue "train"`)
	if r.code != exitOK || none < 0 || strings.Index(r.out, "A worker is there.") < none || strings.Count(r.out, "No worker") != 1 {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
}

func TestWatchOutlivesATemporalThatIsAway(t *testing.T) {
	b := trainingBench(t, trained(true), nil)
	waits, wait := 0, b.temporal.wait
	b.temporal.wait = func(ctx context.Context) (job.TrainResult, error) {
		if waits++; waits < 3 {
			return job.TrainResult{}, control.ErrUnreachable
		}
		return wait(ctx)
	}
	if r := b.run(t.Context(), "train", "creditcard"); r.code != exitOK {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestAttachWatchesARunThatIsThere(t *testing.T) {
	b := trainingBench(t, trained(true), nil)
	b.temporal.start = nil
	if r := b.run(t.Context(), "train", "creditcard", "--attach", trainRun.WorkflowID); r.code != exitOK {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	b.temporal.describe = func(control.Run) (control.Execution, error) { return control.Execution{}, control.ErrNotFound }
	if r := b.run(t.Context(), "train", "creditcard", "--attach", "train-nothing"); r.code != exitFailed || !strings.Contains(r.stderr, "train-nothing") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestStepLinesOnATerminal(t *testing.T) {
	var text strings.Builder
	draw := func(title string, steps []job.Step, pending ...control.Activity) {
		text.WriteString(title + "\n")
		for _, l := range trainLines(screen.Style{}, steps, pending, noon) {
			text.WriteString(l.Live + "\n")
		}
		text.WriteString("\n")
	}
	retried := control.Activity{Type: "Log", Attempt: 3, LastFailure: "mlflow unavailable: connection refused"}
	failed := steps(4)
	failed[4].State, failed[4].Detail = job.StepFailed, "object differs from its digest"
	draw("before the first answer", nil)
	draw("ingest", steps(0))
	draw("fit, no epoch yet", steps(2), control.Activity{Type: "Fit", Attempt: 1})
	draw("fit", steps(2), reported(t, "Fit", job.FitProgress{Member: 2, Members: 3, Epoch: 7, Epochs: 40, Done: 1.175 / 3, ValidationLoss: 0.05, ValidationAP: 0.8123, RowsPerSecond: 54321}))
	draw("log, tried again", steps(3), retried)
	draw("validate failed", failed)
	draw("done", finalSteps(job.TrainProgress{Steps: steps(5)}, nil))
	draw("ended while the worker was away", finalSteps(job.TrainProgress{Steps: steps(5)}, errors.New("terminated")))
	golden.Compare(t, "steps.txt", text.String())
}
