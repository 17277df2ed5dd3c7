package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/test/golden"
)

var streamRun = control.Run{WorkflowID: "inference-creditcard", RunID: "run-7"}

func streamStatus(state job.StreamState) job.InferenceStatus {
	return job.InferenceStatus{
		State: state, Started: noon.Add(-3 * time.Hour), Runs: 2,
		Plan: job.StreamPlan{
			Pipeline: "creditcard", Topic: "hello-fraud", Shards: []job.Shard{{ID: 0, Partitions: []int32{0, 1}}, {ID: 1, Partitions: []int32{2, 3}}}, Output: "hello-predictions", DeadLetters: "hello-fraud.dlq",
			Sink: "kafka", Model: job.ModelRef{Name: "creditcard", Version: "3", URL: "http://localhost:5000/#/models/creditcard/versions/3"},
		},
		Shards: []job.ShardStatus{
			{Shard: job.Shard{ID: 0, Partitions: []int32{0, 1}}, State: job.ShardRunning, Lease: job.Lease{Worker: "host-a/0"}, Segment: 12},
			{Shard: job.Shard{ID: 1, Partitions: []int32{2, 3}}, State: job.ShardLeasing, Segment: 11, Failures: 2,
				LastError: "the worker stopped answering (Heartbeat timeout); leasing the shard again",
				Last:      job.Progress{Predictions: 500, Partitions: []job.PartitionProgress{{Partition: 2, Offset: 300, High: 900, Lag: 600}, {Partition: 3, Offset: 200, High: -1, Lag: -1}}}},
		},
	}
}

var liveShard = job.Progress{
	Partitions: []job.PartitionProgress{{Partition: 0, Offset: 41_000, High: 41_000}, {Partition: 1, Offset: 39_990, High: 40_000, Lag: 10}},
	Records:    81_000, Predictions: 80_990, DeadLetters: 10, RatePerSecond: 1234.5, P50Millis: 8.4, P99Millis: 31,
	Model: job.ModelRef{Name: "creditcard", Version: "3"},
}

// streaming is a bench with a stream that runs and holds these predictions.
func streaming(t *testing.T, records ...stream.Record) *bench {
	b := newBench(t)
	live := control.Execution{Run: streamRun, Pipeline: "creditcard", State: "running", Running: true, Pending: []control.Activity{reported(t, "Segment", liveShard)}}
	b.temporal.describe = func(control.Run) (control.Execution, error) { return live, nil }
	b.temporal.streams = func(string) ([]control.Execution, error) { return []control.Execution{live}, nil }
	b.temporal.status = func() (job.InferenceStatus, error) { return streamStatus(job.StreamRunning), nil }
	b.temporal.attach = func(context.Context, job.InferenceRequest) (job.InferenceStatus, control.Run, error) {
		return streamStatus(job.StreamRunning), streamRun, nil
	}
	b.app.reach.kafka.tail = func(context.Context, stream.Kafka, string, stream.Start) (tail, error) {
		return &fakeTail{records: records}, nil
	}
	return b
}

func prediction(i int, probability float64) stream.Record {
	decision := "genuine"
	if probability >= 0.5 {
		decision = "fraud"
	}
	return stream.Record{Topic: "hello-predictions", Offset: int64(i), Value: fmt.Appendf(nil,
		`{"id":"5f0c1d2e-0000-4000-8000-%012d","source_id":%d,"probability":%g,"decision":"%s","threshold":0.5,"model":"creditcard","model_version":"3","topic":"hello-fraud","partition":%d,"offset":%d,"row":0,"event_time":"2026-11-01T11:59:59Z","scored_at":"2026-11-01T11:59:59.%03dZ"}`,
		i, i, probability, decision, i%4, 100+i, i)}
}

func predictions(n int) []stream.Record {
	out := make([]stream.Record, n)
	for i := range out {
		out[i] = prediction(i, float64(i%11)/10)
	}
	return out
}

func TestInferenceShowsPredictionsInAlignedColumns(t *testing.T) {
	r := streaming(t, predictions(35)...).run(t.Context(), "inference", "creditcard", "--count", "35")
	if r.code != exitOK {
		t.Errorf("exit %d", r.code)
	}
	golden.Compare(t, "inference.txt", r.all())
}

func TestInferenceForScriptsIsTheTopicByteForByte(t *testing.T) {
	records := predictions(3)
	r := streaming(t, records...).run(t.Context(), "inference", "creditcard", "--count", "3", "--json")
	want := ""
	for _, rec := range records {
		want += string(rec.Value) + "\n"
	}
	if r.code != exitOK || r.out != want {
		t.Errorf("exit %d, standard output:\n%s\nwant:\n%s", r.code, r.out, want)
	}
}

func TestCtrlCLeavesTheStreamAlone(t *testing.T) {
	b := streaming(t, predictions(2)...)
	ctx, interrupt := context.WithCancel(t.Context())
	asked := 0
	b.temporal.status = func() (job.InferenceStatus, error) {
		if asked++; asked == 2 {
			interrupt()
		}
		return streamStatus(job.StreamRunning), nil
	}
	r := b.run(ctx, "inference", "creditcard")
	if r.code != exitOK || !strings.Contains(r.out, "Detached after 2 predictions; the stream goes on.") || !strings.Contains(r.out, "starter stop creditcard") {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
	if !strings.Contains(r.out, "Nothing new: the stream is running") {
		t.Errorf("silence is not explained: %s", r.out)
	}
}

func TestFollowEndsWithTheStream(t *testing.T) {
	b := streaming(t)
	b.temporal.attach = func(context.Context, job.InferenceRequest) (job.InferenceStatus, control.Run, error) {
		b.temporal.describe = func(control.Run) (control.Execution, error) {
			return control.Execution{Run: streamRun, State: "completed"}, nil
		}
		return streamStatus(job.StreamRunning), streamRun, nil
	}
	r := b.run(t.Context(), "inference", "creditcard")
	if r.code != exitOK || !strings.Contains(r.out, "The stream has ended.") {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
}

func TestJoiningARunningStreamSaysThatFlagsDoNotApply(t *testing.T) {
	r := streaming(t).run(t.Context(), "inference", "creditcard", "--start", "latest", "--detach")
	golden.Compare(t, "inference-joined.txt", r.all())
}

func TestConsoleSinkIsExplained(t *testing.T) {
	b := streaming(t)
	b.temporal.describe = nil
	b.temporal.attach = func(_ context.Context, r job.InferenceRequest) (job.InferenceStatus, control.Run, error) {
		s := streamStatus(job.StreamStarting)
		s.Plan.Sink = r.Sink
		return s, streamRun, nil
	}
	golden.Compare(t, "inference-console.txt", b.run(t.Context(), "inference", "creditcard", "--sink", "console").all())
}

func TestMissingChampionSaysToTrain(t *testing.T) {
	b := streaming(t)
	b.temporal.attach = func(context.Context, job.InferenceRequest) (job.InferenceStatus, control.Run, error) {
		return job.InferenceStatus{}, control.Run{}, &control.Refused{Type: job.ErrTypeNoChampion, Message: "creditcard has no champion"}
	}
	if r := b.run(t.Context(), "inference", "creditcard"); r.code != exitFailed || !strings.Contains(r.stderr, "starter train") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestWaitingForAWorkerIsNotSilent(t *testing.T) {
	b := streaming(t)
	b.app.pace.workers = 0
	ctx, interrupt := context.WithCancel(t.Context())
	asked := 0
	b.temporal.workers = func(string) (int, error) {
		if asked++; asked == 2 {
			interrupt()
		}
		return 0, nil
	}
	b.temporal.attach = func(ctx context.Context, _ job.InferenceRequest) (job.InferenceStatus, control.Run, error) {
		<-ctx.Done()
		return job.InferenceStatus{}, control.Run{}, ctx.Err()
	}
	r := b.run(ctx, "inference", "creditcard")
	if r.code != exitDetached || !strings.Contains(r.out, `No worker polls queue "stream"`) {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
}

// failing is a stream that waits for a service that is away.
var failing = control.Execution{Run: streamRun, Pipeline: "creditcard", State: "running", Running: true, Pending: []control.Activity{
	{Type: "Lease", LastFailure: "no worker took it"}, {Type: "Discover", Attempt: 4, LastFailure: "find model creditcard@champion: mlflow unavailable."},
}}

const failingWords = "its step Discover, which fails and is tried again: find model creditcard@champion: mlflow unavailable"

func TestAStreamThatCannotStartSaysWhy(t *testing.T) {
	b := streaming(t)
	ctx, interrupt := context.WithCancel(t.Context())
	asked := 0
	b.temporal.describe = func(control.Run) (control.Execution, error) {
		if asked++; asked == 5 {
			interrupt()
		}
		return failing, nil
	}
	b.temporal.attach = func(ctx context.Context, _ job.InferenceRequest) (job.InferenceStatus, control.Run, error) {
		<-ctx.Done()
		return job.InferenceStatus{}, control.Run{}, ctx.Err()
	}
	r := b.run(ctx, "inference", "creditcard")
	if r.code != exitDetached || strings.Count(r.out, "The stream waits for "+failingWords+". Ctrl-C") != 1 ||
		!strings.Contains(r.out, "once it is past "+failingWords+".\n") || strings.Contains(r.out, "waiting for a worker") {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
}

func TestStopPrintsTheReceipt(t *testing.T) {
	b := streaming(t)
	var asked job.StopRequest
	b.temporal.stop = func(r job.StopRequest) (job.StopReceipt, error) {
		asked = r
		s := streamStatus(job.StreamStopped).Shards
		s[0].Last = liveShard
		return job.StopReceipt{Shards: s}, nil
	}
	r := b.run(t.Context(), "stop", "creditcard", "--reason", "broker maintenance")
	if r.code != exitOK || asked.Reason != "broker maintenance" || asked.By == "" {
		t.Errorf("exit %d, asked %+v", r.code, asked)
	}
	golden.Compare(t, "stop.txt", r.all())
}

func TestReceiptWithoutPositionsIsFilledFromKafka(t *testing.T) {
	b := streaming(t)
	b.temporal.stop = func(job.StopRequest) (job.StopReceipt, error) {
		return job.StopReceipt{Shards: []job.ShardStatus{{Shard: job.Shard{Partitions: []int32{0, 1}}}}}, nil
	}
	b.app.reach.kafka.group = positions
	r := b.run(t.Context(), "stop", "creditcard", "--json")
	var answer stopAnswer
	if err := json.Unmarshal([]byte(r.out), &answer); err != nil || len(answer.Partitions) != 2 || answer.Partitions[1].Offset != 900 {
		t.Errorf("%+v, %v", answer.Partitions, err)
	}
}

func TestStoppingAStoppedStreamSucceeds(t *testing.T) {
	b := newBench(t)
	r := b.run(t.Context(), "stop", "creditcard", "--json")
	var answer stopAnswer
	if err := json.Unmarshal([]byte(r.out), &answer); err != nil || r.code != exitOK || answer.WasRunning {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
	b = streaming(t) // it ends between the look and the request
	b.temporal.stop = func(job.StopRequest) (job.StopReceipt, error) {
		return job.StopReceipt{}, errors.Join(control.ErrNotRunning, control.ErrNotFound)
	}
	if r := b.run(t.Context(), "stop", "creditcard"); r.code != exitOK || !strings.Contains(r.out, "nothing to stop") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.stderr)
	}
}

func positions(context.Context, stream.Kafka, string, string) ([]stream.GroupPosition, error) {
	return []stream.GroupPosition{{Partition: 1, Committed: 900, End: 1000}, {Partition: 0, Committed: -1, First: 5, End: 50}}, nil
}
