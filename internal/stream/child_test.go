package stream

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
	"temporal-streaming/test/stack"
)

// Faults of a process need a process: this binary, started again, runs a loop as childSpec says.
const childVariable = "STREAM_TEST_CHILD"

type childSpec struct {
	Brokers, Pipeline, Topic, Output, DeadLetters string
	Partitions                                    []int32
	MaxBatch                                      int
	CommitInterval, TransactionTimeout            time.Duration
	PrefetchBytes, SendBytes, MaxBatchBytes       int
	Owner                                         bool // it is told that it still owns its partitions
	GateAt                                        int  // before this batch, counted from 1, wait for a line on stdin
	PublicCalls, ClientCommits                    bool
}

const (
	exitDrained = 0
	exitFailed  = 1
	exitFenced  = 3
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		os.Exit(child(text))
	}
	if text := os.Getenv(resolverVariable); text != "" {
		os.Exit(doomedResolver(text))
	}
	flag.Parse()
	if testing.Short() || os.Getenv("KAFKA_BOOTSTRAP_SERVERS") != "" {
		os.Exit(m.Run())
	}
	code := stack.Main(m, stack.Options{Services: []string{stack.Kafka}, Kafka: stack.Apache}, func(s *stack.Stack) { servers = s })
	cluster.end()
	os.Exit(code)
}

// servers is the package's own Apache Kafka, nil if another one was given or none can be started.
var servers *stack.Stack

// child runs a loop and prints a line for every batch that it is given.
func child(text string) int {
	var spec childSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	go endWithParent()
	p := &gated{Engine: engine(childFailure{}, spec.Topic, nil), at: spec.GateAt}
	o := Options{
		Kafka: Kafka{Brokers: spec.Brokers}, Pipeline: spec.Pipeline, Topic: spec.Topic, Partitions: spec.Partitions,
		Output: spec.Output, DeadLetters: spec.DeadLetters, MaxBatch: spec.MaxBatch, CommitInterval: spec.CommitInterval, PublicCalls: spec.PublicCalls,
		TransactionTimeout: spec.TransactionTimeout, ClientCommits: spec.ClientCommits,
		PrefetchBytes: spec.PrefetchBytes, SendBytes: spec.SendBytes, MaxBatchBytes: spec.MaxBatchBytes,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	if spec.Owner {
		o.StillOwner = alwaysOwner
	}
	l, err := NewLoop(o, p)
	if err == nil {
		_, err = l.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	if errors.Is(err, ErrFenced) {
		return exitFenced
	}
	return exitFailed
}

// endWithParent ends the child when the test that started it is gone: a test that is killed
// runs no cleanup.
func endWithParent() {
	for parent := os.Getppid(); os.Getppid() == parent; {
		time.Sleep(time.Second)
	}
	os.Exit(exitFailed)
}

// alwaysOwner is the StillOwner of a loop that has no rival.
func alwaysOwner(context.Context) bool { return true }

// gated prints a line for each batch, and waits for one before batch number at.
type gated struct {
	*score.Engine
	batch, at int
}

func (g *gated) Process(in []record.Message, out *score.Output) {
	g.batch++
	fmt.Println("batch", g.batch, len(in))
	if g.batch == g.at {
		bufio.NewReader(os.Stdin).ReadString('\n')
	}
	g.Engine.Process(in, out)
}

// childFailure lets fixtures fail in a process without a test.
type childFailure struct{ testing.TB }

func (childFailure) Helper()           {}
func (childFailure) Fatal(args ...any) { fmt.Fprintln(os.Stderr, args...); os.Exit(exitFailed) }

// process is a child seen from the test.
type process struct {
	*exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

func spawn(t *testing.T, o Options, gateAt int, environ ...string) *process {
	t.Helper()
	spec, err := json.Marshal(childSpec{
		Brokers: o.Kafka.Brokers, Pipeline: o.Pipeline, Topic: o.Topic, Output: o.Output, DeadLetters: o.DeadLetters,
		TransactionTimeout: o.TransactionTimeout, PrefetchBytes: o.PrefetchBytes, SendBytes: o.SendBytes, MaxBatchBytes: o.MaxBatchBytes,
		Owner:      o.StillOwner != nil,
		Partitions: o.Partitions, MaxBatch: o.MaxBatch, CommitInterval: o.CommitInterval, PublicCalls: o.PublicCalls, ClientCommits: o.ClientCommits, GateAt: gateAt,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &process{Cmd: exec.Command(os.Args[0])}
	c.Env = append(append(os.Environ(), environ...), childVariable+"="+string(spec))
	if testing.Verbose() {
		c.Stderr = os.Stderr
	}
	if c.in, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(out)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.kill() })
	return c
}

// batches waits until the child was given n more batches; false if it ended before.
func (c *process) batches(n int) bool {
	for ; n > 0; n-- {
		if !c.lines.Scan() {
			return false
		}
	}
	return true
}

// kill ends the child as a power cut would.
func (c *process) kill() {
	c.Process.Kill() // an error means that it has ended
	c.Wait()
}
