package workflows

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// searchEnvironment plans nine trials in two rungs; try answers how each does.
func searchEnvironment(t *testing.T, try func(job.TryRequest) (job.Tried, error)) (*testsuite.TestWorkflowEnvironment, *job.ConcludeRequest) {
	t.Helper()
	env := newEnvironment()
	var a *activities.Training
	env.RegisterActivity(a)
	plan := job.SearchPlan{Strategy: "successive_halving", Parallel: 2, Rungs: []job.Rung{{Trials: 9, Epochs: 4}, {Trials: 3, Epochs: 12}}}
	for n := 1; n <= 9; n++ {
		plan.Trials = append(plan.Trials, job.Trial{Number: n})
	}
	env.OnActivity(a.Ingest, mock.Anything, mock.Anything).Return(job.Ingested{Experiment: "transactions"}, nil)
	env.OnActivity(a.Engineer, mock.Anything, mock.Anything).Return(job.Engineered{Features: 15}, nil)
	env.OnActivity(a.PlanSearch, mock.Anything, mock.Anything).Return(job.PlannedSearch{Plan: plan, RunID: "parent"}, nil)
	var one sync.Mutex // trials run at the same time
	env.OnActivity(a.Try, mock.Anything, mock.Anything).Return(func(_ context.Context, r job.TryRequest) (job.Tried, error) {
		one.Lock()
		defer one.Unlock()
		return try(r)
	})
	concluded := &job.ConcludeRequest{}
	env.OnActivity(a.Conclude, mock.Anything, mock.Anything).Return(func(_ context.Context, r job.ConcludeRequest) error { *concluded = r; return nil })
	return env, concluded
}

func TestSearchNarrowsTheFieldToTheBest(t *testing.T) {
	var second []int
	keys := map[string]int{}
	env, concluded := searchEnvironment(t, func(r job.TryRequest) (job.Tried, error) {
		keys[r.Checkpoint]++
		out := job.Tried{Trial: r.Trial, Rung: r.Rung, Epochs: r.Epochs, AveragePrecision: float64(r.Trial.Number) / 10}
		if r.Trial.Number == 9 {
			out.AveragePrecision, out.Failed = 0, "the loss is not a number"
		}
		if r.Rung == 1 {
			second = append(second, r.Trial.Number)
			out.AveragePrecision = 1 - out.AveragePrecision // more epochs say something else
		}
		return out, nil
	})
	env.ExecuteWorkflow(Search, job.SearchRequest{Pipeline: "transactions"})
	var r job.SearchResult
	if err := env.GetWorkflowResult(&r); err != nil {
		t.Fatal(err)
	}
	if len(second) != 3 || len(keys) != 12 {
		t.Errorf("trials %v went on, with %d checkpoints in all; want 3, and 12", second, len(keys))
	}
	for _, n := range second {
		if n != 6 && n != 7 && n != 8 {
			t.Errorf("trial %d went on; the best are 6, 7 and 8", n)
		}
	}
	if r.Best.Trial.Number != 6 || len(r.Tried) != 9 || r.Tried[8].Trial.Number != 9 || r.Tried[3].Trial.Number != 5 {
		t.Errorf("best %d, then %+v", r.Best.Trial.Number, r.Tried)
	}
	if concluded.Result.Best.Trial.Number != 6 || concluded.Failed != "" {
		t.Errorf("concluded with %+v", concluded)
	}
}

func TestACancelledSearchClosesItsRunWithWhatItFound(t *testing.T) {
	done := 0
	var env *testsuite.TestWorkflowEnvironment
	env, concluded := searchEnvironment(t, func(r job.TryRequest) (job.Tried, error) {
		if done++; done == 4 {
			env.CancelWorkflow()
			return job.Tried{}, temporal.NewCanceledError()
		}
		return job.Tried{Trial: r.Trial, AveragePrecision: 0.5}, nil
	})
	env.ExecuteWorkflow(Search, job.SearchRequest{Pipeline: "transactions"})
	if err := env.GetWorkflowError(); err == nil || !strings.Contains(err.Error(), "cancel") {
		t.Errorf("ended with %v, want cancelled", err)
	}
	if !concluded.Cancelled || len(concluded.Result.Tried) == 0 || concluded.Result.Tried[0].AveragePrecision != 0.5 {
		t.Errorf("concluded with %+v", concluded)
	}
}
