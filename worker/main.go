// Command worker runs the workflows and activities of temporal-streaming: it trains
// models and drives streams. It takes its settings from the environment (README) and
// needs no arguments.
//
// It may be killed at any moment and started again, and any number may run. On SIGTERM
// it lets every loop finish its batch, commits, hands the shards back, and exits.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"temporal-streaming/activities"
	"temporal-streaming/internal/awake"
	"temporal-streaming/internal/config"
	"temporal-streaming/internal/connect"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
	"temporal-streaming/internal/sysmon"
	"temporal-streaming/internal/training"
	"temporal-streaming/pipelines"
)

func main() {
	// Whoever reads the log or the console sink may go away, as a journal does that restarts. Go ends a program that then writes to
	// its standard output or error, unless it says otherwise: the stream must outlive its reader.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Environ(), os.Args[1:], os.Stdout, os.Stderr))
}

// usage is what an argument is answered with: there are none.
const usage = `worker runs the workflows and activities of temporal-streaming: it trains models and drives streams.
It takes no arguments; its settings come from the environment, and behind it from the local stack's file
.devstack/env. "starter doctor" checks them. End it with SIGTERM: it commits, hands its shards over, and exits.
`

// run is the program: 0 when it was asked to stop, 1 when it could not go on, 2 when it was given arguments.
func run(ctx context.Context, environ, args []string, stdout, stderr io.Writer) int {
	if len(args) == 1 && slices.Contains([]string{"-h", "-help", "--help", "help"}, args[0]) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if len(args) > 0 {
		fmt.Fprintf(stderr, "worker: it takes no arguments, and got %q\n%s", args, usage)
		return 2
	}
	cfg, err := config.Load(environ)
	if err != nil {
		fmt.Fprintln(stderr, "worker:", err)
		return 1
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.Level(cfg.LogLevel)}))
	if err := sysmon.Relax(); err != nil { // a stream that is slower is better than none
		log.Debug("the monitor of Go's runtime takes more of the processor than it must", "error", err)
	}
	if cfg.Worker.Awake {
		if cores, err := awake.Hold(); err != nil {
			log.Warn("cores sleep when idle, and wake as slowly as without WORKER_AWAKE; let this worker write /dev/cpu_dma_latency, or unset it", "error", err)
		} else {
			defer cores.Close()
		}
	}
	p, err := assemble(ctx, cfg, environ, stdout, log)
	if err != nil {
		fmt.Fprintln(stderr, "worker:", err)
		return 1
	}
	defer p.close()
	if err := p.run(ctx); err != nil {
		fmt.Fprintln(stderr, "worker:", err)
		return 1
	}
	return 0
}

// process is one worker, wired.
type process struct {
	cfg      config.Config
	log      *slog.Logger
	slot     *slot
	identity string
	temporal client.Client
	host     *stream.Host
	metrics  *metrics
	streams  *activities.Stream
	resumed  []job.SegmentRequest // that a predecessor ran when it died
	training *activities.Training
	workers  []worker.Worker
}

// assemble connects everything. It is the only place that knows all the parts.
func assemble(ctx context.Context, cfg config.Config, environ []string, stdout io.Writer, log *slog.Logger) (*process, error) {
	p := &process{cfg: cfg, log: log, host: stream.NewHost(orphanTime), metrics: newMetrics()}
	var err error
	slots := filepath.Join(os.TempDir(), "temporal-streaming")
	if p.slot, err = takeSlot(slots, cfg.Worker.Slot); err != nil {
		return nil, err
	}
	journal := openJournal(slots, p.slot.Number, cfg, log)
	p.resumed = journal.recent(time.Now())
	hostname, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name this worker: %w", err)
	}
	p.identity = fmt.Sprintf("%s/%d", hostname, p.slot.Number)
	if cfg.S3.AccessKey == "" || cfg.S3.SecretKey == "" {
		return nil, fmt.Errorf("no credentials for the object store at %s; start the local stack with `make up`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", cfg.S3.Endpoint)
	}
	server, err := connect.Server(cfg, log)
	if err != nil {
		return nil, err
	}
	server.Models.Cache = cacheFolder(cfg.Worker.Cache)
	p.training = &activities.Training{Trainer: &training.Trainer{
		Store: server.Store, MLflow: server.Models.MLflow, Models: server.Models, Pipeline: pipelines.Load,
		WorkflowURL: cfg.WorkflowURL, Commit: commit(), Logger: log,
	}}
	p.streams = &activities.Stream{
		Serving: server, Host: p.host, Queue: activities.OwnQueue(p.identity), Worker: p.identity, Console: stdout,
		Metrics: p.metrics, Journal: journal, Logger: log,
	}
	// A stream that a crash interrupted goes on before anything else, Temporal included.
	resuming := make(chan struct{})
	go func() { defer close(resuming); resume(ctx, p.streams, p.resumed) }()
	// Last, since it waits: settings that are wrong are told before.
	p.temporal, err = dial(ctx, cfg, environ, p.identity, log)
	<-resuming
	if err != nil {
		return nil, errors.Join(err, p.drain(ctx))
	}
	return p, nil
}

// orphanTime is how long a loop runs on after the budget of its last segment when
// nobody drives it: as long as Temporal may be away without a gap in the stream.
const orphanTime = 10 * time.Minute

// run works until ctx ends, then drains.
func (p *process) run(ctx context.Context) error {
	var running map[string]bool
	err := whenReachable(ctx, p.log, func() (err error) {
		running, err = release(ctx, p.temporal, p.cfg.Temporal.Namespace, p.identity, p.log)
		return err
	})
	if err != nil {
		// Nothing is lost without it: the timeouts of the activities do the same, later.
		p.log.Warn("could not release what a predecessor held; recovery waits for its heartbeat timeout", "error", err)
	} else {
		settle(ctx, p.streams, p.resumed, running)
	}
	p.workers, err = begin(ctx, p.pollers, p.log)
	switch {
	case ctx.Err() != nil && err != nil: // asked to stop while Temporal was away
		return p.drain(ctx)
	case err != nil:
		return errors.Join(fmt.Errorf("start worker: %w", err), p.drain(ctx))
	}
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	go p.metrics.serve(serving, p.cfg.Worker.MetricsAddress, p.log)
	go attend(ctx, p.temporal, p.cfg.Temporal.Namespace, job.Lease{Queue: p.streams.Queue, Worker: p.identity}, p.log)
	p.log.Info("worker is ready", "identity", p.identity, "temporal", p.cfg.Temporal.Address, "namespace", p.cfg.Temporal.Namespace)

	<-ctx.Done()
	p.log.Info("draining: loops finish their batch, commit, and hand their shards back", "at most", p.cfg.Worker.Drain)
	done := make(chan struct{})
	for _, w := range p.workers {
		go func() { w.Stop(); done <- struct{}{} }()
	}
	for range p.workers {
		<-done
	}
	return p.drain(ctx)
}

// drain ends the loops that nobody drives any more, as after an outage of Temporal.
func (p *process) drain(ctx context.Context) error {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.cfg.Worker.Drain)
	defer cancel()
	if err := p.host.Close(last); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	return nil
}

func (p *process) close() {
	p.temporal.Close()
	if err := p.slot.Close(); err != nil {
		p.log.Warn("give the slot back", "error", err)
	}
}

// cacheFolder is where downloaded models stay. Without one, a restart needs MLflow.
func cacheFolder(configured string) string {
	if configured != "" {
		return configured
	}
	user, err := os.UserCacheDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "temporal-streaming", "models")
	}
	return filepath.Join(user, "temporal-streaming", "models")
}

// built is the Git commit, where the linker was told (the Makefile does).
var built string

// commit is the Git commit that the program was built from, if the build recorded it.
func commit() string {
	if built != "" {
		return built
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
