// Command bench runs the measurements behind the numbers that this project prints.
//
//	go run ./bench list
//	go run ./bench stream                    # a table
//	go run ./bench stream --json --runs 5    # one JSON object a line
//
// A benchmark starts what it needs, on free ports and with data of its own that it
// removes again: an Apache Kafka broker, Temporal, MLflow and an object store by way of
// the devstack, and the real worker program. Servers of your own are used instead where
// a flag or the environment names them; see servers.go. Tables and JSON go to standard
// output, and what is being done meanwhile to standard error.
//
// Every figure is measured in the run that prints it and stands beside its settings: the
// machine, its load before and after, versions, sizes. None is kept in the code.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"text/tabwriter"
	"time"

	"temporal-streaming/internal/sysmon"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := sysmon.Relax(); err != nil { // the generator and the reader take less from what they measure
		fmt.Fprintln(os.Stderr, "bench: latencies will be a little worse than they need be:", err)
	}
	os.Exit(run(ctx, os.Environ(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it could not be measured, or what was measured breaks a promise
	exitUsage  = 2
)

// bench is one invocation.
type bench struct {
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
	root           string // of the repository
	commit         string // that was checked out when this began, which is what is measured
	begun          time.Time
	awake          bool // the cores are kept from sleeping, as WORKER_AWAKE asks
}

// benchmark is one name on the command line. Those without a summary are the child
// processes of others.
type benchmark struct {
	name    string
	summary string
	run     func(*bench, context.Context, []string) error
}

func benchmarks() []benchmark {
	return []benchmark{
		{"ulb", "quality of the creditcard model on the real ULB rows, beside scikit-learn on the same rows", (*bench).ulb},
		{"handbook", "quality of the transactions recipe by the Fraud Detection Handbook's protocols", (*bench).handbook},
		{"fit-kills", "trainings whose worker is killed (-9) in Fit, held bit for bit against an undisturbed one", (*bench).fitKills},
		{"features", "the handbook's 15 features over all its transactions, on one core, beside polars on one thread", (*bench).features},
		{"score", "records per CPU-second of the scorer at batches of 1, 64 and 1,024, beside ONNX Runtime on the same file", (*bench).score},
		{"train", "rows per CPU-second of training the recipes' networks, beside PyTorch on one thread", (*bench).train},
		{"stream", "throughput of the worker draining a preloaded topic exactly once, beside a bare client loop", (*bench).stream},
		{"rivals", "the worker beside Kafka Streams, Flink, Spark and Quix, in one run: drains, latency at a steady rate, and the gap after a kill (-9)", (*bench).rivals},
		{"latency", "time from produce to a committed prediction at a steady rate", (*bench).latency},
		{"histories", "snapshots and recovery of a stream with a million keys: sizes, seconds, and the gap after a kill (-9)", (*bench).histories},
		{"exactly-once", "every id exactly once while the worker is killed (-9) at random, and the gap after each kill", (*bench).exactlyOnce},
		{"recovery", "how long the output is silent when a worker is killed (-9): started again at once, or taken over by another", (*bench).recovery},
		{"outage", "the longest gap in the output while a service is away: Temporal, the object store, MLflow or Kafka", (*bench).outage},
		{"chaos", "everything goes wrong under load, by a schedule of a seed: nothing lost, repeated, out of order or by the wrong model; --pipeline transactions: nor from wrong features", (*bench).chaos},
		{childBare, "", (*bench).bare},
		{childLoop, "", (*bench).loop},
	}
}

// errUsage marks a mistake on the command line.
var errUsage = errors.New("wrong usage")

func run(ctx context.Context, environ, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	b := &bench{environ: environ, stdin: stdin, stdout: stdout, stderr: stderr, begun: time.Now()}
	if len(args) == 0 || args[0] == "list" || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		b.list()
		return exitOK
	}
	for _, it := range benchmarks() {
		if it.name != args[0] {
			continue
		}
		err := b.findRoot()
		if err == nil {
			b.commit = commitOf(b.root)
			err = it.run(b, ctx, args[1:])
		}
		if err == nil || errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		fmt.Fprintf(stderr, "bench %s: %v\n", it.name, err)
		if errors.Is(err, errUsage) {
			return exitUsage
		}
		return exitFailed
	}
	fmt.Fprintf(stderr, "bench: there is no benchmark %q; `go run ./bench list` names them\n", args[0])
	return exitUsage
}

func (b *bench) list() {
	w := tabwriter.NewWriter(b.stdout, 0, 0, 2, ' ', 0)
	for _, it := range benchmarks() {
		if it.summary != "" {
			fmt.Fprintf(w, "%s\t%s\n", it.name, it.summary)
		}
	}
	w.Flush()
	fmt.Fprintln(b.stdout, "\ngo run ./bench NAME [--json] [flags]; -h after a name shows its flags")
}

// findRoot finds the repository, which has the worker's source, from any folder inside it.
func (b *bench) findRoot() error {
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find working directory: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "devstack", "go.mod")); err == nil {
			b.root = dir
			return nil
		}
		if dir == filepath.Dir(dir) {
			return errors.New("find the repository: run this inside of it")
		}
	}
}

// say tells people what is going on, with the time since the start.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.stderr, "%6.1fs  %s\n", time.Since(b.begun).Seconds(), fmt.Sprintf(format, args...))
}

// parse reads a benchmark's flags.
func (b *bench) parse(flags *flag.FlagSet, args []string) error {
	flags.SetOutput(io.Discard) // run tells of mistakes, in one line
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(b.stderr, "usage: %s [flags]\n", flags.Name())
		flags.SetOutput(b.stderr)
		flags.PrintDefaults()
		return err
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err != nil {
		return fmt.Errorf("%w: %w; -h shows the flags", errUsage, err)
	}
	return nil
}
