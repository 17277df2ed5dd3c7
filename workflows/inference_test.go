package workflows

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// environment is the test environment with the answers of a process that runs loops.
type environment struct {
	env *testsuite.TestWorkflowEnvironment
}

// newEnvironment runs workflows without a server. It is more patient with workflow code that does not yield than
// the SDK's second: on a busy machine the scheduler alone may take that long.
func newEnvironment() *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 20 * time.Second})
	return env
}

// dealt is four partitions in so many shards.
var dealt = map[int][]job.Shard{
	1: {{ID: 0, Partitions: []int32{0, 1, 2, 3}}},
	2: {{ID: 0, Partitions: []int32{0, 1}}, {ID: 1, Partitions: []int32{2, 3}}},
}

func inferenceEnvironment(t *testing.T, shards int) *environment {
	t.Helper()
	w := &environment{env: newEnvironment()}
	w.env.SetTestTimeout(20 * time.Second)
	var a *activities.Stream
	w.env.RegisterActivity(a)
	w.env.OnActivity(a.Discover, mock.Anything, mock.Anything).Return(job.StreamPlan{
		Pipeline: "creditcard", Topic: "hello-fraud", Shards: dealt[shards],
		Model: job.ModelRef{Name: "creditcard", Version: "1"}, SegmentLasts: job.Duration(time.Minute),
	}, nil).Maybe()
	w.env.OnActivity(a.Lease, mock.Anything, mock.Anything).Return(job.Lease{Queue: "worker/host/0", Worker: "host/0"}, nil).Maybe()
	return w
}

func (w *environment) stop(reason string, got *job.StopReceipt) {
	w.env.UpdateWorkflow(job.StopUpdate, "stop", &testsuite.TestUpdateCallback{
		OnAccept: func() {},
		OnReject: func(err error) { panic(err) },
		OnComplete: func(result any, err error) {
			if err == nil {
				*got = result.(job.StopReceipt)
			}
		},
	}, job.StopRequest{Reason: reason, By: "test"})
}

func TestSegmentsFollowOneAnotherUntilTheStreamIsStopped(t *testing.T) {
	w := inferenceEnvironment(t, 2)
	var a *activities.Stream
	ran := map[int]int{}
	w.env.OnActivity(a.Segment, mock.Anything, mock.Anything).Return(func(_ context.Context, req job.SegmentRequest) (job.Segment, error) {
		ran[req.Shard.ID]++
		return job.Segment{End: job.EndBudget, Progress: job.Progress{Records: int64(ran[req.Shard.ID])}}, nil
	}).After(time.Minute)
	w.env.OnActivity(a.Drain, mock.Anything, mock.Anything).Return(job.Progress{}, nil).Maybe()
	var receipt job.StopReceipt
	w.env.RegisterDelayedCallback(func() { w.stop("test is over", &receipt) }, 210*time.Second)
	w.env.ExecuteWorkflow(Inference, job.InferenceRequest{Pipeline: "creditcard"})
	if err := w.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	for shard := range 2 {
		if ran[shard] < 3 {
			t.Errorf("shard %d ran %d segments in three and a half minutes, want at least 3", shard, ran[shard])
		}
	}
	if len(receipt.Shards) != 2 || receipt.Shards[0].State != job.ShardStopped || receipt.Shards[0].Last.Records == 0 {
		t.Errorf("receipt %+v; want both shards stopped, with their checkpoints", receipt)
	}
}

func TestShardOfADeadWorkerIsLeasedAgain(t *testing.T) {
	w := inferenceEnvironment(t, 1)
	var a *activities.Stream
	attempts := 0
	w.env.OnActivity(a.Segment, mock.Anything, mock.Anything).Return(func(context.Context, job.SegmentRequest) (job.Segment, error) {
		attempts++
		if attempts <= 3 {
			return job.Segment{}, temporal.NewApplicationError("the worker host/0 died and has started again", "WorkerRestarted")
		}
		return job.Segment{End: job.EndBudget}, nil
	})
	w.env.OnActivity(a.Drain, mock.Anything, mock.Anything).Return(job.Progress{}, nil).Maybe()
	var receipt job.StopReceipt
	w.env.RegisterDelayedCallback(func() {
		v, err := w.env.QueryWorkflow(job.StatusQuery)
		if err != nil {
			t.Error(err)
			return
		}
		var s job.InferenceStatus
		if err := v.Get(&s); err != nil {
			t.Error(err)
		}
		if attempts < 4 || s.Shards[0].Failures != 0 || s.Shards[0].LastError != "" {
			t.Errorf("after %d attempts: %+v; want the shard well again", attempts, s.Shards[0])
		}
		w.stop("done", &receipt)
	}, 10*time.Second)
	w.env.ExecuteWorkflow(Inference, job.InferenceRequest{Pipeline: "creditcard"})
	if err := w.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
}

func TestWorkerThatKeepsDyingIsNotWaitedFor(t *testing.T) {
	w := inferenceEnvironment(t, 1)
	var a *activities.Stream
	w.env.OnActivity(a.Segment, mock.Anything, mock.Anything).Return(job.Segment{},
		temporal.NewApplicationError("the worker host/0 died and has started again", job.ErrTypeRestarted)).After(time.Second)
	w.env.OnActivity(a.Drain, mock.Anything, mock.Anything).Return(job.Progress{}, nil).Maybe()
	var receipt job.StopReceipt
	w.env.RegisterDelayedCallback(func() { w.stop("done", &receipt) }, 20*time.Second)
	w.env.ExecuteWorkflow(Inference, job.InferenceRequest{Pipeline: "creditcard"})
	if err := w.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if n := receipt.Shards[0].Segment; n < 19 {
		t.Errorf("%d segments in 20 seconds though each died after one: the others were waited for", n)
	}
}

func TestDeathsThatAreFarApartDoNotAddUp(t *testing.T) {
	w := inferenceEnvironment(t, 1)
	var a *activities.Stream
	w.env.OnActivity(a.Segment, mock.Anything, mock.Anything).Return(job.Segment{},
		temporal.NewApplicationError("the loop ended", "Retryable")).After(time.Minute)
	w.env.OnActivity(a.Drain, mock.Anything, mock.Anything).Return(job.Progress{}, nil).Maybe()
	var receipt job.StopReceipt
	w.env.RegisterDelayedCallback(func() {
		v, err := w.env.QueryWorkflow(job.StatusQuery)
		if err != nil {
			t.Error(err)
			return
		}
		var s job.InferenceStatus
		if err := v.Get(&s); err != nil {
			t.Error(err)
		}
		if s.Shards[0].Segment < 5 || s.Shards[0].Failures != 1 {
			t.Errorf("%d failures after %d segments of a minute, want 1", s.Shards[0].Failures, s.Shards[0].Segment)
		}
		w.stop("done", &receipt)
	}, 330*time.Second)
	w.env.ExecuteWorkflow(Inference, job.InferenceRequest{Pipeline: "creditcard"})
	if err := w.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
}

func TestStreamWithoutAModelFailsWithASentence(t *testing.T) {
	env := newEnvironment()
	var a *activities.Stream
	env.RegisterActivity(a)
	env.OnActivity(a.Discover, mock.Anything, mock.Anything).Return(job.StreamPlan{},
		temporal.NewNonRetryableApplicationError("no model serves yet: train one", job.ErrTypeNoChampion, nil))
	env.ExecuteWorkflow(Inference, job.InferenceRequest{Pipeline: "creditcard"})
	var app *temporal.ApplicationError
	if err := env.GetWorkflowError(); !errors.As(err, &app) || app.Type() != job.ErrTypeNoChampion {
		t.Errorf("got %v, want an error of type NoChampion", err)
	}
}

func TestLongHistoryContinuesAsNewWithItsState(t *testing.T) {
	w := inferenceEnvironment(t, 2)
	var a *activities.Stream
	w.env.OnActivity(a.Segment, mock.Anything, mock.Anything).Return(job.Segment{End: job.EndBudget, Progress: job.Progress{Records: 5}}, nil).After(time.Minute)
	w.env.OnActivity(a.Detach, mock.Anything, mock.Anything).Return(nil).Maybe()
	w.env.RegisterDelayedCallback(func() { w.env.SetContinueAsNewSuggested(true) }, 90*time.Second)
	w.env.ExecuteWorkflow(Inference, job.InferenceRequest{Pipeline: "creditcard"})
	var next *workflow.ContinueAsNewError
	if err := w.env.GetWorkflowError(); !errors.As(err, &next) {
		t.Fatalf("got %v, want continue as new", err)
	}
	var req job.InferenceRequest
	if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &req); err != nil {
		t.Fatal(err)
	}
	c := req.Carried
	if c == nil || c.Runs != 1 || c.Plan.Model.Version != "1" || len(c.Shards) != 2 || c.Shards[1].Last.Records != 5 {
		t.Errorf("carried %+v; want the plan, both shards and their checkpoints", c)
	}
}

func TestStopDuringTheChangeOfHistoriesStillStops(t *testing.T) {
	w := inferenceEnvironment(t, 2)
	var a *activities.Stream
	budget := job.Segment{End: job.EndBudget, Progress: job.Progress{Records: 5}}
	of := func(shard int) any {
		return mock.MatchedBy(func(req job.SegmentRequest) bool { return req.Shard.ID == shard })
	}
	w.env.OnActivity(a.Segment, mock.Anything, of(0)).Return(budget, nil).After(time.Minute)
	w.env.OnActivity(a.Segment, mock.Anything, of(1)).Return(budget, nil).After(100 * time.Second)
	w.env.OnActivity(a.Detach, mock.Anything, mock.Anything).Return(nil).After(10 * time.Second).Maybe()
	drained := 0
	w.env.OnActivity(a.Drain, mock.Anything, mock.Anything).Return(func(context.Context, job.ControlRequest) (job.Progress, error) {
		drained++
		return job.Progress{Records: 6, Partitions: []job.PartitionProgress{{Partition: 0, Offset: 6}}}, nil
	})
	// Shard 1 sees it first, at 100 s; shard 0 is told to detach, and is still at it when the stop comes.
	w.env.RegisterDelayedCallback(func() { w.env.SetContinueAsNewSuggested(true) }, 90*time.Second)
	var receipt job.StopReceipt
	w.env.RegisterDelayedCallback(func() { w.stop("in the middle of it", &receipt) }, 115*time.Second)
	w.env.ExecuteWorkflow(Inference, job.InferenceRequest{Pipeline: "creditcard"})
	if err := w.env.GetWorkflowError(); err != nil {
		t.Fatalf("got %v, want a stopped stream", err)
	}
	if drained != 2 || len(receipt.Shards) != 2 || receipt.Shards[0].State != job.ShardStopped || receipt.Shards[0].Last.Records != 6 {
		t.Errorf("%d loops drained, receipt %+v; want both, where they stood", drained, receipt)
	}
}

func TestBackoffStartsAtOnceAndIsBounded(t *testing.T) {
	if backoff(1) != 0 || backoff(2) != 100*time.Millisecond || backoff(3) != 200*time.Millisecond || backoff(1000) != 10*time.Second {
		t.Errorf("backoff is %v, %v, %v, ... %v", backoff(1), backoff(2), backoff(3), backoff(1000))
	}
}

func TestStopDoesNotWaitForAnOrderThatCannotBeCarriedOut(t *testing.T) {
	w := inferenceEnvironment(t, 1)
	var a *activities.Stream
	w.env.OnActivity(a.Segment, mock.Anything, mock.Anything).Return(job.Segment{End: job.EndBudget}, nil).After(time.Minute)
	w.env.OnActivity(a.Drain, mock.Anything, mock.Anything).Return(job.Progress{}, nil).Maybe()
	w.env.OnActivity(a.FindModel, mock.Anything, mock.Anything).Return(job.ModelRef{}, errors.New("mlflow unavailable")).After(time.Second)
	refused := make(chan error, 2)
	swap := func(id string) {
		w.env.UpdateWorkflow(job.SwapUpdate, id, &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { refused <- err }, OnComplete: func(_ any, err error) { refused <- err },
		}, job.SwapRequest{Model: "2", Reason: "test"})
	}
	var receipt job.StopReceipt
	w.env.RegisterDelayedCallback(func() { swap("first") }, time.Second)
	w.env.RegisterDelayedCallback(func() {
		if len(refused) != 1 {
			t.Error("three minutes later the swap still waits for MLflow, and holds up the orders after it")
		}
		swap("second")
	}, 3*time.Minute)
	w.env.RegisterDelayedCallback(func() { w.stop("enough", &receipt) }, 200*time.Second)
	w.env.ExecuteWorkflow(Inference, job.InferenceRequest{Pipeline: "creditcard"})
	if err := w.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if len(refused) != 2 || len(receipt.Shards) != 1 {
		t.Errorf("%d swaps were refused, the receipt of the stop has %d shards; want 2 and 1", len(refused), len(receipt.Shards))
	}
}
