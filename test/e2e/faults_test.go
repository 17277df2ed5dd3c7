package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"go.temporal.io/api/enums/v1"

	"temporal-streaming/internal/job"
	"temporal-streaming/test/stack"
)

func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// TestStreamSurvivesWhatKillsItsParts kills and stops, one after another, everything that
// the stream depends on, under load, and counts.
func TestStreamSurvivesWhatKillsItsParts(t *testing.T) {
	w := newWorld(t, stack.Apache)
	worker := w.worker()
	w.must(nil, "load", "creditcard", w.dataFile())
	w.must(nil, "train", "creditcard")
	w.must(nil, "inference", "creditcard", "--detach")

	const each = 20_000
	var messages []message
	phase := func(name string, fault func()) {
		t.Helper()
		batch := seedMessages(t, each, uint64(len(messages)+1))
		sent := make(chan struct{})
		go func() { defer close(sent); w.send(batch) }()
		fault()
		<-sent
		messages = append(messages, batch...)
		begin := time.Now()
		l := w.read(messages, 90*time.Second)
		l.exactlyOnce(t, messages)
		t.Logf("%s: all %d scored %v after the last was sent", name, len(messages), time.Since(begin).Round(10*time.Millisecond))
	}

	random := rand.New(rand.NewPCG(3, 1))
	phase("five kills of the worker", func() {
		for range 5 {
			time.Sleep(time.Duration(100+random.IntN(900)) * time.Millisecond)
			worker.kill()
			worker = w.worker()
		}
	})
	phase("Temporal down", func() {
		w.StopNow(t, stack.Temporal)
		extra := seedMessages(t, 1000, 99)
		w.send(extra)
		messages = append(messages, extra...)
		w.read(messages, 30*time.Second).exactlyOnce(t, messages) // while Temporal is still away
		w.StartService(t, stack.Temporal)
	})
	phase("Temporal frozen, then thawed", func() {
		w.Freeze(t, stack.Temporal)
		extra := seedMessages(t, 1000, 98)
		w.send(extra)
		messages = append(messages, extra...)
		w.read(messages, 30*time.Second).exactlyOnce(t, messages)
		w.Thaw(t, stack.Temporal)
	})
	phase("broker killed", func() { w.Kill(t, stack.Kafka) })
	phase("worker frozen, then thawed as a zombie", func() {
		worker.signal(syscall.SIGSTOP)
		second := w.worker()
		second.await("stream runs", time.Minute)
		worker.signal(syscall.SIGCONT)
		worker = second
	})

	// An owner that is frozen while the stream is divided anew must not come back beside
	// the new owners: their transactional ids are others, and would not fence it.
	phase("divided anew while an owner is frozen", func() {
		worker.signal(syscall.SIGSTOP)
		second := w.worker()
		w.must(nil, "stop", "creditcard", "--reason", "to divide it anew")
		w.must(nil, "inference", "creditcard", "--detach", "--shards", "2")
		second.await("stream runs", time.Minute)
		worker.signal(syscall.SIGCONT)
		worker = second
	})
	w.widen("hello-fraud", 6)
	phase("two more partitions", func() {})

	worker.kill()
	w.StopNow(t, stack.MLflow)
	worker = w.worker()
	phase("worker restarted while MLflow is away", func() {})
	w.StartService(t, stack.MLflow)

	eventually(t, 30*time.Second, func() error {
		var s struct {
			Streams []struct {
				State string `json:"state"`
				Lag   int64  `json:"lag"`
			} `json:"streams"`
		}
		w.must(&s, "status")
		if len(s.Streams) != 1 || s.Streams[0].State != "running" || s.Streams[0].Lag != 0 {
			return errorf("status says %+v", s.Streams)
		}
		return nil
	})
	w.must(nil, "stop", "creditcard", "--reason", "to add partitions while nothing reads")
	w.widen("hello-fraud", 8)
	extra := seedMessages(t, 1000, 97)
	w.send(extra)
	messages = append(messages, extra...)
	w.must(nil, "inference", "creditcard", "--detach", "--start", "latest")
	w.read(messages, time.Minute).exactlyOnce(t, messages)
	w.must(nil, "stop", "creditcard", "--reason", "the test is over")
}

// widen gives a topic more partitions.
func (w *world) widen(topic string, partitions int) {
	w.t.Helper()
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": w.Brokers()})
	if err != nil {
		w.t.Fatal(err)
	}
	defer admin.Close()
	results, err := admin.CreatePartitions(w.t.Context(), []kafka.PartitionsSpecification{{Topic: topic, IncreaseTo: partitions}})
	if err == nil && results[0].Error.Code() != kafka.ErrNoError {
		err = results[0].Error
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestKilledFitEndsWithTheSameWeights trains twice with one seed, once undisturbed and
// once with the worker killed twice in the middle of Fit.
func TestKilledFitEndsWithTheSameWeights(t *testing.T) {
	w := newWorld(t, stack.Embedded)
	worker := w.worker()
	w.must(nil, "load", "creditcard", w.dataFile())
	var calm trained
	w.must(&calm, "train", "creditcard", "--seed", "11")

	var started struct {
		WorkflowID string `json:"workflow_id"`
	}
	w.must(&started, "train", "creditcard", "--seed", "11", "--detach")
	for kill := range 2 {
		w.awaitEpoch(started.WorkflowID, 3+20*kill)
		worker.kill()
		worker = w.worker()
	}
	disturbed := w.trainResult(started.WorkflowID)
	if disturbed.Fitted.Model != calm.Result.Fitted.Model {
		t.Errorf("the killed fit ended with model %s, the undisturbed one with %s", disturbed.Fitted.Model.SHA256, calm.Result.Fitted.Model.SHA256)
	}
	if disturbed.Fitted.Curve != calm.Result.Fitted.Curve {
		t.Errorf("the killed fit took another way to the same weights")
	}
}

// awaitEpoch waits until Fit has got as far as an epoch, counted over all members.
func (w *world) awaitEpoch(workflow string, epoch int) {
	w.t.Helper()
	c := w.temporal()
	eventually(w.t, 2*time.Minute, func() error {
		d, err := c.DescribeWorkflowExecution(w.t.Context(), workflow, "")
		if err != nil {
			return err
		}
		for _, a := range d.PendingActivities {
			var p job.FitProgress
			if a.ActivityType.GetName() != "Fit" || fromPayloads(a.HeartbeatDetails, &p) != nil {
				continue
			}
			if (p.Member-1)*p.Epochs+p.Epoch >= epoch {
				return nil
			}
		}
		if d.WorkflowExecutionInfo.Status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
			w.t.Fatalf("the training ended before epoch %d; make it longer", epoch)
		}
		return errorf("Fit is not at epoch %d", epoch)
	})
}

// TestCommandsFailWithASentence asks for what cannot be had.
func TestCommandsFailWithASentence(t *testing.T) {
	w := newWorld(t, stack.Embedded)
	w.worker()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"train", "creditcrad"}, "creditcard"},
		{[]string{"train", "creditcard"}, "starter load creditcard"},
		{[]string{"inference", "creditcard", "--detach"}, "starter train creditcard"},
		{[]string{"load", "creditcard", "nothing.csv"}, "nothing.csv"},
		{[]string{"send", "creditcard", "nothing.csv"}, "nothing.csv"},
		{[]string{"stop", "creditcard"}, "creditcard"},
	} {
		stdout, stderr, code := w.starter(c.args...)
		if code == 0 && c.args[0] != "stop" {
			t.Errorf("%v succeeded: %s", c.args, stdout)
		}
		if !strings.Contains(stdout+stderr, c.want) || strings.Contains(stderr, "goroutine ") {
			t.Errorf("%v says %q, want a sentence with %q", c.args, stderr, c.want)
		}
	}
	w.tellsWhatAStreamWaitsFor()
}

// tellsWhatAStreamWaitsFor starts a stream while MLflow is away: whoever waits for it hears what fails, and so does who asks for its status.
func (w *world) tellsWhatAStreamWaitsFor() {
	w.t.Helper()
	const step = "its step Discover, which fails and is tried again: "
	w.Stop(w.t, stack.MLflow)
	said, err := os.Create(filepath.Join(w.dir, "inference.out"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer said.Close()
	cmd := exec.Command(filepath.Join(programs, "starter"), "inference", "creditcard")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, w.environ(), said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	hears := func(words string) error {
		out, err := os.ReadFile(said.Name())
		if err == nil && !strings.Contains(string(out), words) {
			err = errorf("starter inference says %q, want %q", out, words)
		}
		return err
	}
	eventually(w.t, time.Minute, func() error { return hears("The stream waits for " + step) })
	var s struct {
		Streams []struct {
			WaitsFor string `json:"waits_for"`
		} `json:"streams"`
	}
	w.must(&s, "status", "creditcard")
	if len(s.Streams) != 1 || !strings.HasPrefix(s.Streams[0].WaitsFor, step) || !strings.Contains(s.Streams[0].WaitsFor, "mlflow") {
		w.t.Errorf("status says %+v, want that it waits for MLflow", s)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		w.t.Fatal(err)
	}
	_ = cmd.Wait() // its code is looked at
	if err := hears("starts without you once it is past " + step); err != nil || cmd.ProcessState.ExitCode() != 130 {
		w.t.Errorf("interrupted: exit %d, %v", cmd.ProcessState.ExitCode(), err)
	}
}
