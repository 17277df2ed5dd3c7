package workflows

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// stagedStream is a stream of two stages and labels whose worker answers, and notes what it was told.
type stagedStream struct {
	*environment
	mu   sync.Mutex
	told []string
}

func stagedEnvironment(t *testing.T) *stagedStream {
	t.Helper()
	w := &stagedStream{environment: &environment{env: newEnvironment()}}
	w.env.SetTestTimeout(20 * time.Second)
	var a *activities.Stream
	w.env.RegisterActivity(a)
	plan := job.StreamPlan{
		Pipeline: "transactions", Topic: "in", Model: job.ModelRef{Name: "transactions", Version: "1", Spec: "a"}, SegmentLasts: job.Duration(time.Minute),
		Stages: []job.Stage{
			{Kind: job.StageRecords, Topic: "in", Partitions: 4, Key: "card"},
			{Kind: job.StageRecords, Topic: "transactions.stage-1", Partitions: 4, Key: "shop", Labels: true},
			{Kind: job.StageLabels, Topic: "in.labels", Partitions: 4},
		},
	}
	plan.Shards = plan.Divide(2)
	w.env.OnActivity(a.Discover, mock.Anything, mock.Anything).Return(plan, nil).Maybe()
	w.env.OnActivity(a.Lease, mock.Anything, mock.Anything).Return(job.Lease{Queue: "worker/host/0", Worker: "host/0"}, nil).Maybe()
	w.env.OnActivity(a.Segment, mock.Anything, mock.Anything).Return(func(_ context.Context, req job.SegmentRequest) (job.Segment, error) {
		return job.Segment{End: job.EndStopped}, nil
	}).After(20 * time.Second).Maybe()
	w.env.OnActivity(a.Drain, mock.Anything, mock.Anything).Return(func(_ context.Context, req job.ControlRequest) (job.Progress, error) {
		w.note("drain %d", req.Shard.Stage)
		return job.Progress{}, nil
	}).Maybe()
	return w
}

func (w *stagedStream) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, fmt.Sprintf(format, args...))
}

// order gives an update and returns where its answer will be.
func (w *stagedStream) order(name string, arg any) *string {
	answer := new(string)
	w.env.UpdateWorkflow(name, name, &testsuite.TestUpdateCallback{
		OnAccept:   func() {},
		OnReject:   func(err error) { *answer = err.Error() },
		OnComplete: func(_ any, err error) { *answer = fmt.Sprint(err) },
	}, arg)
	return answer
}

func TestLaterStagesEndOnceAllBeforeThemHave(t *testing.T) {
	w := stagedEnvironment(t)
	var a *activities.Stream
	w.env.OnActivity(a.Finish, mock.Anything, mock.Anything).Return(func(_ context.Context, req job.ControlRequest) (job.Progress, error) {
		w.note("finish %d", req.Shard.Stage)
		var p job.Progress
		for _, n := range req.Shard.Partitions {
			p.Partitions = append(p.Partitions, job.PartitionProgress{Partition: n, Offset: 70})
		}
		return p, nil
	}).Times(2)
	var receipt job.StopReceipt
	w.env.RegisterDelayedCallback(func() { w.stop("test is over", &receipt) }, 10*time.Second)
	w.env.ExecuteWorkflow(Inference, job.InferenceRequest{Pipeline: "transactions"})
	if err := w.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	w.env.AssertExpectations(t)
	slices.Sort(w.told[:3])
	if got := strings.Join(w.told, ", "); got != "drain 0, drain 0, drain 2, finish 1, finish 1" {
		t.Errorf("the worker was told: %s", got)
	}
	stages := map[int]int{}
	for _, sh := range receipt.Shards {
		stages[sh.Shard.Stage]++
		if sh.State != job.ShardStopped {
			t.Errorf("in the receipt, %+v", sh)
		}
	}
	if len(receipt.Shards) != 5 || stages[0] != 2 || stages[1] != 2 || stages[2] != 1 {
		t.Errorf("the receipt is of stages %v", stages)
	}
}

func TestAStageThatCouldNotFinishIsLeasedAgainAndFinishes(t *testing.T) {
	w := stagedEnvironment(t)
	var a *activities.Stream
	tries := map[int]int{}
	w.env.OnActivity(a.Finish, mock.Anything, mock.Anything).Return(func(_ context.Context, req job.ControlRequest) (job.Progress, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if tries[req.Shard.ID]++; tries[req.Shard.ID] < 3 {
			return job.Progress{}, temporal.NewNonRetryableApplicationError("no such loop in this process", job.ErrTypeAbsent, nil)
		}
		return job.Progress{}, nil
	})
	var receipt job.StopReceipt
	w.env.RegisterDelayedCallback(func() { w.stop("test is over", &receipt) }, 10*time.Second)
	w.env.ExecuteWorkflow(Inference, job.InferenceRequest{Pipeline: "transactions"})
	if err := w.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if len(tries) != 2 || len(receipt.Shards) != 5 {
		t.Errorf("tries %v, receipt %+v", tries, receipt)
	}
	for shard, n := range tries {
		if n != 3 {
			t.Errorf("shard %d was told %d times to finish", shard, n)
		}
	}
}

func TestAStopDoesNotWaitForeverForALaterStage(t *testing.T) {
	w := stagedEnvironment(t)
	var a *activities.Stream
	w.env.OnActivity(a.Finish, mock.Anything, mock.Anything).Return(job.Progress{}, temporal.NewNonRetryableApplicationError("no such loop in this process", job.ErrTypeAbsent, nil))
	var receipt job.StopReceipt
	w.env.RegisterDelayedCallback(func() { w.stop("test is over", &receipt) }, 10*time.Second)
	began := w.env.Now()
	w.env.ExecuteWorkflow(Inference, job.InferenceRequest{Pipeline: "transactions"})
	if err := w.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if took := w.env.Now().Sub(began); took < patience || took > patience+time.Minute || len(receipt.Shards) != 5 {
		t.Errorf("it took %s, receipt %+v", took, receipt)
	}
}

func TestAStreamWithStateRefusesToSeekAndToTakeOtherFeatures(t *testing.T) {
	w := stagedEnvironment(t)
	var a *activities.Stream
	w.env.OnActivity(a.FindModel, mock.Anything, mock.Anything).Return(job.ModelRef{Name: "transactions", Version: "2", Spec: "b"}, nil)
	w.env.OnActivity(a.OpenModel, mock.Anything, mock.Anything).Return(nil).Maybe()
	w.env.OnActivity(a.Finish, mock.Anything, mock.Anything).Return(job.Progress{}, nil).Maybe()
	var seek, swap *string
	var receipt job.StopReceipt
	w.env.RegisterDelayedCallback(func() {
		seek = w.order(job.SeekUpdate, job.SeekRequest{To: "earliest", Reason: "test"})
		swap = w.order(job.SwapUpdate, job.SwapRequest{Model: "2", Reason: "test"})
	}, 5*time.Second)
	w.env.RegisterDelayedCallback(func() { w.stop("test is over", &receipt) }, 15*time.Second)
	w.env.ExecuteWorkflow(Inference, job.InferenceRequest{Pipeline: "transactions"})
	if err := w.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(*seek, "cannot seek") || !strings.Contains(*swap, "takes other features") {
		t.Errorf("seek: %s; swap: %s", *seek, *swap)
	}
}

func TestScaleDividesEveryStageAnew(t *testing.T) {
	w := stagedEnvironment(t)
	var a *activities.Stream
	var divided []job.Shard
	w.env.OnActivity(a.Divide, mock.Anything, mock.Anything).Return(func(_ context.Context, req job.DivideRequest) error {
		divided = req.Plan.Shards
		return nil
	})
	w.env.OnActivity(a.Obey, mock.Anything, mock.Anything).Return(func(_ context.Context, req job.ControlRequest) (job.ShardReceipt, error) {
		return job.ShardReceipt{Shard: req.Shard, Generation: req.Plan.Orders.Generation}, nil
	})
	w.env.OnActivity(a.Finish, mock.Anything, mock.Anything).Return(job.Progress{}, nil).Maybe()
	var scaled job.ScaleReceipt
	var receipt job.StopReceipt
	w.env.RegisterDelayedCallback(func() {
		w.env.UpdateWorkflow(job.ScaleUpdate, "scale", &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { t.Error(err) },
			OnComplete: func(result any, err error) {
				if err != nil {
					t.Error(err)
					return
				}
				scaled = result.(job.ScaleReceipt)
			},
		}, job.ScaleRequest{Shards: 4, Reason: "test"})
	}, 5*time.Second)
	w.env.RegisterDelayedCallback(func() { w.stop("test is over", &receipt) }, 2*time.Minute)
	w.env.ExecuteWorkflow(Inference, job.InferenceRequest{Pipeline: "transactions"})
	if err := w.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if len(scaled.Shards) != 9 || len(divided) != 9 || len(scaled.Kept) != 1 || scaled.Kept[0].Stage != 2 || len(receipt.Shards) != 9 {
		t.Errorf("scaled to %v, kept %v; the stop's receipt has %d shards", scaled.Shards, scaled.Kept, len(receipt.Shards))
	}
}
