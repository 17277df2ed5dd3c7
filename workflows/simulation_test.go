package workflows

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

var (
	simulations = flag.Int("simulations", 40, "seeds that the simulation of a stream's life tries")
	simulation  = flag.Uint64("simulation", 0, "the one seed to try, with a log of what happens")
)

// TestStreamSurvivesWhateverHappensToItsWorkers plays lives of a stream: workers die, come
// back, are slow, leave and join; people give orders, divide the partitions and stop the
// stream; histories end. A seed chooses. Whatever happens, no partition is ever given to
// two shards, plans never go back, every order is answered, and all partitions are in the
// stop's receipt.
//
// A seed that fails repeats: go test ./workflows -run Survives -simulation SEED
func TestStreamSurvivesWhateverHappensToItsWorkers(t *testing.T) {
	if *simulation > 0 {
		liveThrough(t, *simulation)
		return
	}
	for seed := range uint64(*simulations) {
		liveThrough(t, seed+1)
		if t.Failed() {
			t.Fatalf("repeat it with -simulation %d", seed+1)
		}
	}
}

// life is one stream and the workers around it.
type life struct {
	t      *testing.T
	seed   uint64
	random *rand.Rand // of what happens; activities run beside each other and throw dice of their own
	env    *testsuite.TestWorkflowEnvironment

	mu       sync.Mutex // guards what follows
	said     strings.Builder
	alive    map[string]bool
	running  map[string]job.Shard // segments, by activity id
	newest   map[int32]int64      // generation under which each partition was read last
	division []job.Shard          // that was made the only one
	given    int                  // orders
	answered int
	receipt  *job.StopReceipt
}

func (l *life) say(format string, args ...any) {
	fmt.Fprintf(&l.said, "%s "+format+"\n", append([]any{l.env.Now().Format("15:04:05.000")}, args...)...)
}

func (l *life) tell(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.say(format, args...)
}

// dice are an activity's own, so that a seed repeats whichever of two runs first.
func (l *life) dice(ctx context.Context) *rand.Rand {
	id := fnv.New64()
	fmt.Fprint(id, activity.GetInfo(ctx).ActivityID, activity.GetInfo(ctx).WorkflowExecution.RunID)
	return rand.New(rand.NewPCG(l.seed, id.Sum64()))
}

func liveThrough(t *testing.T, seed uint64) {
	l := &life{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 11)), alive: map[string]bool{"a": true, "b": true, "c": true}, running: map[string]job.Shard{}, newest: map[int32]int64{}}
	req := job.InferenceRequest{Pipeline: "creditcard"}
	for history := 1; ; history++ {
		err := l.history(req, history)
		var next *workflow.ContinueAsNewError
		if errors.As(err, &next) {
			if e := l.carried(next, &req); e != nil {
				t.Fatal(e)
			}
			continue
		}
		if err != nil {
			t.Errorf("seed %d: the stream ended with %v", seed, err)
		}
		break
	}
	if l.answered != l.given {
		t.Errorf("seed %d: %d of %d orders were answered", seed, l.answered, l.given)
	}
	if l.receipt == nil {
		t.Errorf("seed %d: the stop was not answered", seed)
	} else {
		var all []int32
		for _, sh := range l.receipt.Shards {
			all = append(all, sh.Shard.Partitions...)
		}
		slices.Sort(all)
		if !slices.Equal(all, []int32{0, 1, 2, 3, 4, 5}) {
			t.Errorf("seed %d: the receipt of the stop has partitions %v", seed, all)
		}
	}
	if t.Failed() || *simulation > 0 {
		t.Log(l.said.String())
	}
}

// history runs until the workflow ends or continues as new.
func (l *life) history(req job.InferenceRequest, number int) error {
	l.env = newEnvironment()
	l.env.SetTestTimeout(30 * time.Second)
	l.env.SetStartTime(time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(number) * time.Hour))
	l.env.RegisterActivity((*activities.Stream)(nil))
	l.answer()
	l.watch()
	last := 4 + l.random.IntN(12) // things that happen before the end
	at := time.Duration(0)
	for range last {
		at += time.Duration(l.random.IntN(9000)) * time.Millisecond
		l.env.RegisterDelayedCallback(l.happen, at)
	}
	at += 10 * time.Second
	if number < 3 && l.random.IntN(2) == 0 {
		l.env.RegisterDelayedCallback(func() { l.env.SetContinueAsNewSuggested(true) }, at)
	} else {
		l.env.RegisterDelayedCallback(l.stop, at)
	}
	l.env.ExecuteWorkflow(Inference, req)
	return l.env.GetWorkflowError()
}

func (l *life) carried(next *workflow.ContinueAsNewError, req *job.InferenceRequest) error {
	l.tell("continues as new")
	clear(l.running)
	return converter.GetDefaultDataConverter().FromPayloads(next.Input, req)
}

// watch sees segments begin, and end by cancellation.
func (l *life) watch() {
	l.env.SetOnActivityCanceledListener(l.gone)
	l.env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, args converter.EncodedValues) {
		var req job.SegmentRequest
		if info.ActivityType.Name != "Segment" || args.Get(&req) != nil {
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, other := range l.running {
			if overlap(req.Shard, other) {
				l.t.Errorf("a segment of %v begins while one of %v runs\n%s", req.Shard.Partitions, other.Partitions, l.said.String())
			}
		}
		l.running[info.ActivityID] = req.Shard
		for _, p := range req.Shard.Partitions {
			if generation := req.Plan.Orders.Generation; generation < l.newest[p] {
				l.t.Errorf("partition %d is read under generation %d after %d\n%s", p, generation, l.newest[p], l.said.String())
			}
			l.newest[p] = req.Plan.Orders.Generation
		}
	})
}

func (l *life) gone(info *activity.Info) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.running, info.ActivityID)
}

func overlap(a, b job.Shard) bool {
	return slices.ContainsFunc(a.Partitions, func(p int32) bool { return slices.Contains(b.Partitions, p) })
}

// happen does one thing to the stream.
func (l *life) happen() {
	worker := []string{"a", "b", "c"}[l.random.IntN(3)]
	reason := job.PauseRequest{Reason: "test"}
	switch l.random.IntN(9) {
	case 0:
		l.live(worker, worker == "a") // a lives, so that the stream can
	case 1, 2:
		l.live(worker, true)
		l.order(job.WelcomeUpdate, leaseOf(worker))
	case 3:
		l.order(job.SwapUpdate, job.SwapRequest{Model: "2", Reason: "test"})
	case 4:
		l.order(job.PauseUpdate, reason)
	case 5:
		l.order(job.ResumeUpdate, reason)
	case 6:
		l.order(job.SeekUpdate, job.SeekRequest{To: "earliest", Reason: "test"})
	default:
		l.order(job.ScaleUpdate, job.ScaleRequest{Shards: 1 + l.random.IntN(7), Reason: "test"})
	}
}

func (l *life) live(worker string, alive bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.say("%s lives: %v", worker, alive)
	l.alive[worker] = alive
}

func (l *life) order(name string, arg any) {
	l.given++
	l.tell("%s %+v", name, arg)
	l.env.UpdateWorkflow(name, fmt.Sprintf("%s-%d-%d", name, l.given, l.env.Now().UnixNano()), &testsuite.TestUpdateCallback{
		OnAccept:   func() {},
		OnReject:   func(err error) { l.answered++; l.tell("%s is rejected: %v", name, err) },
		OnComplete: func(_ any, err error) { l.answered++; l.tell("%s is answered, %v", name, err) },
	}, arg)
}

func (l *life) stop() {
	l.tell("stop")
	l.env.UpdateWorkflow(job.StopUpdate, "stop", &testsuite.TestUpdateCallback{
		OnAccept: func() {},
		OnReject: func(err error) { l.t.Errorf("the stop is rejected: %v", err) },
		OnComplete: func(result any, err error) {
			if r, ok := result.(job.StopReceipt); ok && err == nil {
				l.receipt = &r
			}
		},
	}, job.StopRequest{Reason: "test"})
}

func leaseOf(worker string) job.Lease { return job.Lease{Queue: "worker/" + worker, Worker: worker} }

var (
	errNobody = temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
	errSilent = temporal.NewTimeoutError(enums.TIMEOUT_TYPE_HEARTBEAT, nil)
)

// at answers which worker an activity runs on, and whether it lives.
func (l *life) at(ctx context.Context) (string, bool) {
	dice := l.dice(ctx)
	queue := activity.GetInfo(ctx).TaskQueue
	if worker, own := strings.CutPrefix(queue, "worker/"); own {
		return worker, l.alive[worker]
	}
	for {
		if worker := []string{"a", "b", "c"}[dice.IntN(3)]; l.alive[worker] {
			return worker, true
		}
	}
}

// answer is what the activities do.
func (l *life) answer() {
	var a *activities.Stream
	latency, length := time.Duration(l.random.IntN(400))*time.Millisecond, time.Duration(1+l.random.IntN(8000))*time.Millisecond
	slow, lasts := func() time.Duration { return latency }, func() time.Duration { return length }
	l.env.OnActivity(a.Discover, mock.Anything, mock.Anything).Return(job.StreamPlan{
		Pipeline: "creditcard", Topic: "in", Shards: job.Divide(nil, []int32{0, 1, 2, 3, 4, 5}, 3), Orders: job.Orders{Generation: 1},
		Model: job.ModelRef{Name: "creditcard", Version: "1"}, SegmentLasts: job.Duration(5 * time.Second),
		Workers: []job.Lease{leaseOf("a"), leaseOf("b")},
	}, nil).Maybe()
	l.env.OnActivity(a.Lease, mock.Anything, mock.Anything).Return(func(ctx context.Context, _ job.LeaseRequest) (job.Lease, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		worker, lives := l.at(ctx)
		if !lives {
			return job.Lease{}, errNobody
		}
		return leaseOf(worker), nil
	}).AfterFn(slow).Maybe()
	l.env.OnActivity(a.Segment, mock.Anything, mock.Anything).Return(l.segment).AfterFn(lasts).Maybe()
	obey := func(ctx context.Context, req job.ControlRequest) (job.ShardReceipt, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		worker, lives := l.at(ctx)
		switch {
		case !lives:
			return job.ShardReceipt{}, errNobody
		case l.dice(ctx).IntN(6) == 0:
			return job.ShardReceipt{}, temporal.NewNonRetryableApplicationError("no such loop", job.ErrTypeAbsent, nil)
		}
		return job.ShardReceipt{Shard: req.Shard, Worker: worker, Generation: req.Plan.Orders.Generation}, nil
	}
	l.env.OnActivity(a.Obey, mock.Anything, mock.Anything).Return(obey).AfterFn(slow).Maybe()
	l.env.OnActivity(a.Drain, mock.Anything, mock.Anything).Return(func(ctx context.Context, req job.ControlRequest) (job.Progress, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if _, lives := l.at(ctx); !lives {
			return job.Progress{}, errNobody
		}
		return job.Progress{}, nil
	}).AfterFn(slow).Maybe()
	l.env.OnActivity(a.Detach, mock.Anything, mock.Anything).Return(nil).AfterFn(slow).Maybe()
	l.env.OnActivity(a.FindModel, mock.Anything, mock.Anything).Return(job.ModelRef{Name: "creditcard", Version: "2"}, nil).AfterFn(slow).Maybe()
	l.env.OnActivity(a.OpenModel, mock.Anything, mock.Anything).Return(nil).AfterFn(slow).Maybe()
	l.env.OnActivity(a.FindPositions, mock.Anything, mock.Anything).Return([]job.Position{{Partition: 1}}, nil).AfterFn(slow).Maybe()
	l.env.OnActivity(a.Divide, mock.Anything, mock.Anything).Return(func(ctx context.Context, req job.DivideRequest) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, sh := range l.division {
			if slices.ContainsFunc(req.Plan.Shards, sh.Same) {
				continue
			}
			for _, runs := range l.running {
				if overlap(runs, sh) {
					l.t.Errorf("partitions %v are divided anew while a segment of %v runs", sh.Partitions, runs.Partitions)
				}
			}
		}
		if l.dice(ctx).IntN(4) == int(activity.GetInfo(ctx).Attempt) {
			return errors.New("kafka is away")
		}
		l.division = req.Plan.Shards
		return nil
	}).AfterFn(slow).Maybe()
}

// segment is how a segment ends; it began some seconds ago.
func (l *life) segment(ctx context.Context, req job.SegmentRequest) (job.Segment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.running, activity.GetInfo(ctx).ActivityID)
	worker, lives := l.at(ctx)
	if !lives {
		return job.Segment{}, errNobody
	}
	name := fmt.Sprintf("shard %d %v of %d", req.Shard.ID, req.Shard.Partitions, len(req.Plan.Shards))
	if !slices.ContainsFunc(req.Plan.Shards, req.Shard.Same) {
		l.t.Errorf("%s is not in the division %v", name, req.Plan.Shards)
	}
	l.say("%s runs on %s, generation %d", name, worker, req.Plan.Orders.Generation)
	switch l.dice(ctx).IntN(6) {
	case 0:
		return job.Segment{}, errSilent
	case 1:
		return job.Segment{}, temporal.NewNonRetryableApplicationError("fenced", job.ErrTypeFenced, nil)
	case 2:
		return job.Segment{End: job.EndLeaving}, nil
	}
	return job.Segment{End: job.EndBudget}, nil
}
