package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/test/golden"
)

// obedient is a stream that obeys every order; last is the order that it got.
func obedient(t *testing.T) (b *bench, last *control.Order) {
	b, last = streaming(t), &control.Order{}
	b.temporal.order = func(_ context.Context, o control.Order) (job.ControlReceipt, error) {
		*last = o
		return receiptOf(o.Update), nil
	}
	b.temporal.scale = func(job.ScaleRequest) (job.ScaleReceipt, error) {
		kept, ended := job.Shard{ID: 0, Partitions: []int32{0, 1}}, job.Shard{ID: 1, Partitions: []int32{2, 3}}
		return job.ScaleReceipt{
			Shards: []job.Shard{kept, {ID: 2, Partitions: []int32{2}}, {ID: 3, Partitions: []int32{3}}},
			Kept:   []job.Shard{kept}, Ended: []job.Shard{ended}, At: noon,
		}, nil
	}
	return b, last
}

func receiptOf(what string) job.ControlReceipt {
	r := job.ControlReceipt{
		What: what, Generation: 7, Model: job.ModelRef{Name: "creditcard", Version: "4"}, Reason: "r", By: "ann", At: noon,
		Shards: []job.ShardReceipt{
			{Shard: job.Shard{ID: 0, Partitions: []int32{0, 1}}, Worker: "host-a/0", Generation: 7, At: noon, Partitions: []job.PartitionReceipt{{Partition: 0, Offset: 41_000, Next: 41_012}, {Partition: 1, Offset: 39_990, Next: 39_990}}},
			{Shard: job.Shard{ID: 1, Partitions: []int32{2, 3}}, Worker: "host-b/0", Generation: 7, At: noon, Partitions: []job.PartitionReceipt{{Partition: 2, Offset: 300, Next: 301}, {Partition: 3, Offset: 200, Next: 205}}},
		},
	}
	switch what {
	case job.SeekUpdate:
		r.Shards[0].Partitions[0].Before, r.Shards[0].Partitions[1].Before = 41_500, 39_990
		r.Shards[1].Partitions[0].Before, r.Shards[1].Partitions[1].Before = 100, 900
	case job.SnapshotUpdate:
		r.Snapshot = &job.Object{Key: "snapshots/creditcard/ab/" + strings.Repeat("ab", 32) + "/snapshot.json", SHA256: strings.Repeat("ab", 32), Size: 612}
	}
	return r
}

func TestOrdersPrintTheirReceipts(t *testing.T) {
	var transcript strings.Builder
	for _, line := range []string{
		"swap creditcard champion", "pause creditcard", "resume creditcard", "rate creditcard 500", "rate creditcard off",
		"snapshot creditcard", "scale creditcard --shards 3",
	} {
		b, _ := obedient(t)
		r := b.run(t.Context(), strings.Fields(line)...)
		fmt.Fprintf(&transcript, "$ starter %s\n%s\n", line, r.all())
	}
	golden.Compare(t, "orders.txt", transcript.String())
}

func TestOrdersAskForWhatTheCommandLineSays(t *testing.T) {
	b, last := obedient(t)
	by := b.app.who()
	for line, want := range map[string]control.Order{
		"swap creditcard 3 --reason r":        {Update: job.SwapUpdate, Request: job.SwapRequest{Model: "3", Reason: "r", By: by}},
		"pause creditcard --reason r":         {Update: job.PauseUpdate, Request: job.PauseRequest{Reason: "r", By: by}},
		"resume creditcard":                   {Update: job.ResumeUpdate, Request: job.PauseRequest{Reason: notGiven, By: by}},
		"rate creditcard 12.5/s --reason r":   {Update: job.RateUpdate, Request: job.RateRequest{PerSecond: 12.5, Reason: "r", By: by}},
		"rate creditcard 0 --reason r --json": {Update: job.RateUpdate, Request: job.RateRequest{Reason: "r", By: by}},
		"snapshot creditcard --reason r":      {Update: job.SnapshotUpdate, Request: job.SnapshotRequest{Reason: "r", By: by}},
	} {
		if r := b.run(t.Context(), strings.Fields(line)...); r.code != exitOK || !reflect.DeepEqual(*last, want) {
			t.Errorf("%s: exit %d, asked %+v, want %+v", line, r.code, *last, want)
		}
	}
}

func TestReceiptForScriptsIsTheMessageItself(t *testing.T) {
	b, _ := obedient(t)
	r := b.run(t.Context(), "swap", "creditcard", "4", "--json")
	var receipt job.ControlReceipt
	if err := json.Unmarshal([]byte(r.out), &receipt); err != nil || !reflect.DeepEqual(receipt, receiptOf(job.SwapUpdate)) {
		t.Errorf("%v: %s", err, r.out)
	}
	r = b.run(t.Context(), "scale", "creditcard", "--shards", "3", "--json")
	var scaled job.ScaleReceipt
	if err := json.Unmarshal([]byte(r.out), &scaled); err != nil || len(scaled.Shards) != 3 || len(scaled.Kept) != 1 {
		t.Errorf("%v: %s", err, r.out)
	}
}

func TestOrdersThatAreNotObeyedSayWhatToDo(t *testing.T) {
	refused := func(err error) func(*bench) {
		return func(b *bench) {
			b.temporal.order = func(context.Context, control.Order) (job.ControlReceipt, error) { return job.ControlReceipt{}, err }
		}
	}
	var transcript strings.Builder
	for _, c := range []struct {
		name string
		set  func(*bench)
	}{
		{"no such stream", func(b *bench) { b.temporal.describe = nil }},
		{"the stream has ended", func(b *bench) {
			b.temporal.describe = func(control.Run) (control.Execution, error) { return control.Execution{State: "completed"}, nil }
		}},
		{"it ends meanwhile", refused(fmt.Errorf("swap the stream of creditcard: %w", control.ErrNotRunning))},
		{"it is stopping", refused(&control.Refused{Message: "the stream is stopping"})},
		{"the model is unknown", refused(&control.Refused{Type: job.ErrTypeNotFound, Message: "creditcard has no version 9"})},
		{"it is invalid", refused(&control.Refused{Type: job.ErrTypeInvalid, Message: "the model is empty"})},
	} {
		b, _ := obedient(t)
		c.set(b)
		r := b.run(t.Context(), "swap", "creditcard", "9")
		fmt.Fprintf(&transcript, "%s: exit %d\n%s%s\n", c.name, r.code, r.out, r.stderr)
	}
	golden.Compare(t, "orders-refused.txt", transcript.String())
}

func TestOrderWaitsForAWorkerAndSaysSo(t *testing.T) {
	b, _ := obedient(t)
	b.app.pace.workers = 0
	ctx, interrupt := context.WithCancel(t.Context())
	asked := 0
	b.temporal.workers = func(string) (int, error) {
		if asked++; asked == 2 {
			interrupt()
		}
		return 0, nil
	}
	b.temporal.order = func(ctx context.Context, _ control.Order) (job.ControlReceipt, error) {
		<-ctx.Done()
		return job.ControlReceipt{}, ctx.Err()
	}
	r := b.run(ctx, "pause", "creditcard")
	if r.code != exitDetached || !strings.Contains(r.out, `No worker polls queue "stream"`) || !strings.Contains(r.stderr, "starter status creditcard") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.stderr)
	}
}

func TestStatusShowsTheOrdersInForce(t *testing.T) {
	b := streaming(t)
	b.temporal.status = func() (job.InferenceStatus, error) {
		s := streamStatus(job.StreamRunning)
		s.Plan.Orders = job.Orders{Generation: 9, Paused: true, PerSecond: 500}
		s.Plan.Model.Version = "4" // shard 0 still scores with 3
		s.Workers = []job.Lease{{Worker: "host-a/0"}, {Worker: "host-b/0"}}
		return s, nil
	}
	golden.Compare(t, "status-orders.txt", b.run(t.Context(), "status", "creditcard").all())
}

func TestOrderThatHasToWaitSaysWhatFor(t *testing.T) {
	b, _ := obedient(t)
	ctx, interrupt := context.WithCancel(t.Context())
	asked := 0
	b.temporal.describe = func(control.Run) (control.Execution, error) {
		if asked++; asked == 4 {
			interrupt()
		}
		return control.Execution{Running: true, Pending: []control.Activity{
			{Type: "Segment", LastFailure: "the worker stopped answering"}, {Type: "FindModel", LastFailure: "mlflow unavailable \x1b[2J"},
		}}, nil
	}
	b.temporal.order = func(ctx context.Context, _ control.Order) (job.ControlReceipt, error) {
		<-ctx.Done()
		return job.ControlReceipt{}, ctx.Err()
	}
	r := b.run(ctx, "swap", "creditcard", "champion")
	if want := `its step FindModel, which fails and is tried again: mlflow unavailable \x1b[2J. Ctrl-C`; r.code != exitDetached || strings.Count(r.out, want) != 1 {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
}

func TestSwapToAModelThatIsNotThereIsRefusedAtOnce(t *testing.T) {
	b, last := obedient(t)
	b.app.reach.mlflow = func(config.MLflow) (modelRegistry, error) { return &fakeRegistry{}, nil }
	if r := b.run(t.Context(), "swap", "creditcard", "9"); r.code != exitFailed || last.Update != "" || !strings.Contains(r.stderr, `creditcard has no version and no alias "9"`) {
		t.Errorf("exit %d, ordered %q: %s", r.code, last.Update, r.stderr)
	}
	if r := b.withChampion("3").run(t.Context(), "swap", "creditcard", "champion"); r.code != exitOK || last.Update != job.SwapUpdate {
		t.Errorf("exit %d, ordered %q: %s", r.code, last.Update, r.stderr)
	}
}
