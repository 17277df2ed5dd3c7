package workflows

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// TestPartitionsThatWereAddedAreTakenIn lets the topic grow to six, and then to seven, where every shard tells of it until
// its plan has them. The second time one division fails first.
func TestPartitionsThatWereAddedAreTakenIn(t *testing.T) {
	w := inferenceEnvironment(t, 2)
	var a *activities.Stream
	var mu sync.Mutex
	topic, failures := 6, 0
	begin := w.env.Now()
	w.env.OnActivity(a.Segment, mock.Anything, mock.Anything).Return(func(_ context.Context, req job.SegmentRequest) (job.Segment, error) {
		mu.Lock()
		defer mu.Unlock()
		if w.env.Now().Sub(begin) > time.Minute {
			topic = 7
		}
		end := job.EndBudget
		if topic > len(req.Plan.Partitions()) {
			end = job.EndGrown
		}
		return job.Segment{End: end, Progress: job.Progress{TopicPartitions: topic}}, nil
	}).After(5 * time.Second)
	w.env.OnActivity(a.Drain, mock.Anything, mock.Anything).Return(job.Progress{}, nil)
	var divided [][]job.Shard
	w.env.OnActivity(a.Divide, mock.Anything, mock.Anything).Return(func(_ context.Context, req job.DivideRequest) error {
		mu.Lock()
		defer mu.Unlock()
		if req.Plan.Began != 4 {
			t.Errorf("the stream began with %d partitions, want 4", req.Plan.Began)
		}
		if len(req.Plan.Partitions()) == 7 && failures == 0 {
			failures++
			return temporal.NewNonRetryableApplicationError("not now", job.ErrTypeInvalid, errors.New("not now"))
		}
		divided = append(divided, req.Plan.Shards)
		return nil
	})
	w.env.OnActivity(a.Obey, mock.Anything, mock.Anything).Return(func(_ context.Context, req job.ControlRequest) (job.ShardReceipt, error) {
		return job.ShardReceipt{Shard: req.Shard, Generation: req.Plan.Orders.Generation}, nil
	})
	var status job.InferenceStatus
	var receipt job.StopReceipt
	w.env.RegisterDelayedCallback(func() {
		answer, err := w.env.QueryWorkflow(job.StatusQuery)
		if err == nil {
			err = answer.Get(&status)
		}
		if err != nil {
			t.Error(err)
		}
		w.stop("test is over", &receipt)
	}, 3*time.Minute)
	w.env.ExecuteWorkflow(Inference, job.InferenceRequest{Pipeline: "creditcard"})
	if err := w.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if len(divided) != 2 {
		t.Fatalf("divided %d times: %v", len(divided), divided)
	}
	for i, want := range []int{6, 7} {
		var all []int32
		for _, sh := range divided[i] {
			all = append(all, sh.Partitions...)
		}
		slices.Sort(all)
		if len(divided[i]) != 2 || len(slices.Compact(all)) != want || all[want-1] != int32(want-1) {
			t.Errorf("division %d of %d partitions: %v", i, want, divided[i])
		}
	}
	if r := status.Receipt; r == nil || r.What != "grow" || r.Reason != "hello-fraud has 7 partitions now, and had 6" {
		t.Errorf("the status shows %+v", r)
	}
	if !strings.HasSuffix(status.Note, ": hello-fraud has 7 partitions now, and had 6") {
		t.Errorf("the status says %q", status.Note)
	}
	if len(receipt.Shards) != 2 || failures != 1 {
		t.Errorf("%d shards in the end, %d divisions failed", len(receipt.Shards), failures)
	}
}
