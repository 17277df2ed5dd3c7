package main

import (
	"context"
	"strings"
	"testing"

	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/test/golden"
)

var searchRun = control.Run{WorkflowID: "search-transactions-20261101-120000.000", RunID: "2d7c"}

func TestSearchShowsTheBestTrialsFirst(t *testing.T) {
	b := newBench(t)
	var asked job.SearchRequest
	b.temporal.searches = func(r job.SearchRequest) (control.Run, error) { asked = r; return searchRun, nil }
	b.temporal.found = func(context.Context) (job.SearchResult, error) {
		better := job.Tried{Trial: job.Trial{Number: 7, Values: []job.Value{{Field: "learning_rate", Text: "0.0031"}, {Field: "batch", Text: "128"}}},
			Rung: 1, Epochs: 20, AveragePrecision: 0.7312, AUC: 0.8821}
		stands := job.Tried{Trial: job.Trial{Number: 1}, Rung: 1, Epochs: 20, AveragePrecision: 0.7201, AUC: 0.88}
		wild := job.Tried{Trial: job.Trial{Number: 3, Values: []job.Value{{Field: "learning_rate", Text: "1"}}}, Epochs: 6, Failed: "the loss is not a number"}
		return job.SearchResult{Pipeline: "transactions", Tried: []job.Tried{better, stands, wild}, Best: better, RunURL: "http://mlflow/run"}, nil
	}
	r := b.run(t.Context(), "search", "transactions", "--trials", "9", "--strategy", "random")
	if r.code != exitOK || asked.Trials != 9 || asked.Strategy != "random" {
		t.Errorf("exit %d, asked for %+v", r.code, asked)
	}
	golden.Compare(t, "search.txt", r.all())
}

func TestSearchIsCancelledByItsName(t *testing.T) {
	b := newBench(t)
	var cancelled control.Run
	b.temporal.cancel = func(run control.Run) error { cancelled = run; return nil }
	b.temporal.describe = func(control.Run) (control.Execution, error) {
		return control.Execution{Run: searchRun, Running: true}, nil
	}
	r := b.run(t.Context(), "search", "transactions", "--cancel", searchRun.WorkflowID, "--json")
	if r.code != exitOK || cancelled.WorkflowID != searchRun.WorkflowID || !strings.Contains(r.out, `"outcome":"cancelled"`) {
		t.Errorf("exit %d, cancelled %v: %s", r.code, cancelled, r.all())
	}
}

func TestSearchThatIsNotThereOrHasEndedIsNamed(t *testing.T) {
	for _, flag := range []string{"--attach", "--cancel"} {
		r := newBench(t).run(t.Context(), "search", "transactions", flag, "search-nothing")
		if r.code != exitFailed || !strings.Contains(r.stderr, "there is no run search-nothing\n") || !strings.Contains(r.stderr, "starter search transactions") {
			t.Errorf("%s: exit %d: %s", flag, r.code, r.stderr)
		}
	}
	b := newBench(t)
	b.temporal.describe = func(control.Run) (control.Execution, error) { return control.Execution{Run: searchRun}, nil }
	if r := b.run(t.Context(), "search", "transactions", "--cancel", searchRun.WorkflowID); r.code != exitFailed || !strings.Contains(r.stderr, "has ended already") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	b.temporal.found = func(context.Context) (job.SearchResult, error) {
		return job.SearchResult{}, &control.Refused{Message: "the workflow was cancelled"}
	}
	if r := b.run(t.Context(), "search", "transactions", "--attach", searchRun.WorkflowID); r.code != exitFailed || !strings.Contains(r.stderr, "the workflow was cancelled") || !strings.Contains(r.stderr, "History: ") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestSearchNeedsSomethingToVary(t *testing.T) {
	r := newBench(t).run(t.Context(), "search", "flights")
	if r.code != exitFailed || !strings.Contains(r.stderr, "search.vary") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	if r := newBench(t).run(t.Context(), "search", "transactions", "--strategy", "grid"); r.code != exitUsage {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestASearchThatCannotGoOnSaysWhy(t *testing.T) {
	b := newBench(t)
	b.app.pace.workers = 0
	ctx, interrupt := context.WithCancel(t.Context())
	asked := 0
	b.temporal.searches = func(job.SearchRequest) (control.Run, error) { return searchRun, nil }
	b.temporal.found = func(ctx context.Context) (job.SearchResult, error) {
		<-ctx.Done()
		return job.SearchResult{}, ctx.Err()
	}
	b.temporal.workers = func(queue string) (int, error) {
		if asked++; asked == 6 {
			interrupt()
		}
		return min(asked/3, 1), nil
	}
	b.temporal.describe = func(control.Run) (control.Execution, error) {
		return control.Execution{Running: true, Pending: []control.Activity{{Type: "Ingest", LastFailure: "object store unavailable"}}}, nil
	}
	r := b.run(ctx, "search", "transactions")
	for _, want := range []string{`No worker polls queue "train"`, "A worker is there.", "The search waits for its step Ingest, which fails and is tried again: object store unavailable.", "--cancel " + searchRun.WorkflowID} {
		if r.code != exitDetached || strings.Count(r.out, want) != 1 {
			t.Errorf("exit %d, want %q once: %s", r.code, want, r.out)
		}
	}
}

func TestFlagsOfANewSearchAreRefusedForOneThatIsThere(t *testing.T) {
	for _, flag := range []string{"--attach", "--cancel"} {
		if r := newBench(t).run(t.Context(), "search", "transactions", flag, searchRun.WorkflowID, "--trials", "9"); r.code != exitUsage || !strings.Contains(r.stderr, "they are for a new search") {
			t.Errorf("%s: exit %d: %s", flag, r.code, r.stderr)
		}
	}
}
