// Package e2e runs the real programs against real servers, as their users do: it builds
// worker and starter, starts the local stack, and only ever calls the command line, reads
// topics, and kills processes.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"temporal-streaming/internal/score"
	"temporal-streaming/internal/stream"
	"temporal-streaming/test/stack"
)

// programs is the folder with worker and starter, built once for all tests.
var programs string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "e2e-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	out, err := exec.Command("go", "build", "-o", dir+"/", "temporal-streaming/worker", "temporal-streaming/starter").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "build the programs: %v\n%s", err, out)
		return 1
	}
	programs = dir
	return m.Run()
}

// world is a stack with the programs that use it.
type world struct {
	*stack.Stack
	t   *testing.T
	dir string
}

func newWorld(t *testing.T, kafka string) *world {
	t.Helper()
	return &world{Stack: stack.Start(t, stack.Options{Kafka: kafka}), t: t, dir: t.TempDir()}
}

// environ keeps the slots of this world's workers apart from those of others.
func (w *world) environ() []string {
	return append(w.Environ(), "TMPDIR="+w.dir, "WORKER_METRICS_ADDRESS=127.0.0.1:0", "NO_COLOR=1", "WORKER_DRAIN=15s", "WORKER_CACHE="+filepath.Join(w.dir, "models"))
}

// starter runs a command to its end.
func (w *world) starter(args ...string) (stdout, stderr string, code int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(programs, "starter"), args...)
	cmd.Dir, cmd.Env = w.dir, w.environ()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatalf("starter %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// must runs a command that has to succeed and decodes its JSON.
func (w *world) must(into any, args ...string) {
	w.t.Helper()
	stdout, stderr, code := w.starter(append(args, "--json")...)
	if code != 0 {
		w.t.Fatalf("starter %s: exit %d\n%s\n%s", strings.Join(args, " "), code, stdout, stderr)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal([]byte(stdout), into); err != nil {
		w.t.Fatalf("starter %s: %v in %s", strings.Join(args, " "), err, stdout)
	}
}

// workerProcess is one running worker.
type workerProcess struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan error
	log  string
}

func (w *world) worker() *workerProcess {
	w.t.Helper()
	p := &workerProcess{t: w.t, done: make(chan error, 1), log: filepath.Join(w.dir, fmt.Sprintf("worker-%d.log", time.Now().UnixNano()))}
	file, err := os.Create(p.log)
	if err != nil {
		w.t.Fatal(err)
	}
	p.cmd = exec.Command(filepath.Join(programs, "worker"))
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = w.dir, w.environ(), file, file
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait(); file.Close() }()
	w.t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		if w.t.Failed() {
			if b, err := os.ReadFile(p.log); err == nil {
				w.t.Logf("worker %d:\n%s", p.cmd.Process.Pid, tail(string(b), 40))
			}
		}
	})
	p.await("worker is ready", 30*time.Second)
	return p
}

// await returns when the worker has logged a text.
func (p *workerProcess) await(text string, within time.Duration) {
	p.t.Helper()
	eventually(p.t, within, func() error {
		b, err := os.ReadFile(p.log)
		if err == nil && !bytes.Contains(b, []byte(text)) {
			err = fmt.Errorf("the worker has not logged %q", text)
		}
		return err
	})
}

func (p *workerProcess) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) } // it may have ended

// kill ends the worker as a power cut would.
func (p *workerProcess) kill() {
	p.signal(syscall.SIGKILL)
	p.wait(10 * time.Second)
}

// stop asks the worker to drain, and gives back how long it took.
func (p *workerProcess) stop(within time.Duration) (took time.Duration, err error) {
	begin := time.Now()
	p.signal(syscall.SIGTERM)
	err = p.wait(within)
	return time.Since(begin), err
}

func (p *workerProcess) wait(within time.Duration) error {
	p.t.Helper()
	select {
	case err := <-p.done:
		p.done <- err // for the next who waits
		return err
	case <-time.After(within):
		p.t.Fatalf("the worker is still there after %v", within)
		return nil
	}
}

// kafka is the connection to this world's brokers.
func (w *world) kafka() stream.Kafka { return stream.Kafka{Brokers: w.Brokers()} }

// send produces messages, each with a key of its own.
func (w *world) send(messages []message) {
	w.t.Helper()
	var s *stream.Sender
	eventually(w.t, 30*time.Second, func() (err error) { // the broker may be dead at this moment
		s, err = stream.NewSender(w.t.Context(), stream.SenderOptions{Kafka: w.kafka(), Topic: "hello-fraud"})
		return err
	})
	for _, m := range messages {
		if err := s.Send(w.t.Context(), m.key, m.value); err != nil {
			w.t.Fatal(err)
		}
	}
	sent, err := s.Close(w.t.Context())
	if err != nil || sent.Delivered != int64(len(messages)) {
		w.t.Fatalf("delivered %d of %d messages, %v", sent.Delivered, len(messages), err)
	}
}

// ledger is what a read_committed reader of a topic finds, from its beginning.
type ledger struct {
	count map[string]int // by record id
	last  map[string]score.Prediction
}

// read collects predictions until each of the messages has one, and then whatever else is
// there: a repetition would stand behind. Others may be sent meanwhile.
func (w *world) read(messages []message, within time.Duration) ledger {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), within)
	defer cancel()
	l := ledger{count: map[string]int{}, last: map[string]score.Prediction{}}
	missing := make(map[string]bool, len(messages))
	for _, m := range messages {
		missing[string(m.key)] = true
	}
	r, err := stream.NewReader(ctx, w.kafka(), "hello-predictions", stream.StartEarliest())
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	visit := func(rec stream.Record) error {
		p, err := score.DecodePrediction(rec.Value)
		if err == nil {
			l.count[p.ID]++
			delete(missing, p.ID)
			l.last[p.ID] = p
		}
		return err
	}
	for len(missing) > 0 {
		rec, err := r.Next(ctx)
		if err != nil {
			w.t.Fatalf("%d of %d messages have no prediction after %v: %v", len(missing), len(messages), within, err)
		}
		if err := visit(rec); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := r.ToEnd(ctx, visit); err != nil {
		w.t.Fatal(err)
	}
	return l
}

// exactlyOnce fails the test for every message without exactly one prediction.
func (l ledger) exactlyOnce(t *testing.T, messages []message) {
	t.Helper()
	lost, repeated := 0, 0
	for _, m := range messages {
		switch n := l.count[string(m.key)]; {
		case n == 0:
			lost++
		case n > 1:
			repeated++
		}
	}
	if lost > 0 || repeated > 0 {
		t.Errorf("%d lost and %d repeated of %d messages", lost, repeated, len(messages))
	}
}

func eventually(t *testing.T, within time.Duration, check func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %v", within, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
