package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"temporal-streaming/internal/job"
	"temporal-streaming/pipelines"
)

// chaosRun is one run: the pipeline's own stream on servers of its own, several workers,
// messages at a steady rate, and a schedule of faults and orders.
type chaosRun struct {
	*site
	o        chaosOptions
	logs     string
	journal  *os.File
	cards    *messages     // of a pipeline of one stage; else nil
	payments *transactions // of one with stages; else nil
	messages source        // one of the two
	temporal client.Client
	crew     *crew
	out      *follower
	sending  *traffic
	plan     job.StreamPlan // as it was at first
	versions []string       // of the model: the first is the one that served at first

	temporalVersion string

	mu      sync.Mutex
	serves  string   // version that the last swap asked for
	holders []string // identities of the workers that ran shards when somebody last asked

	deeds  []*deed // all that was begun
	turns  [4]sync.Mutex
	done   []faultDone
	orders []orderDone
}

// chaos lets everything go wrong under load, and holds the output against a ledger. What
// is lost, repeated, out of order or scored by the wrong model fails it.
func (b *bench) chaos(ctx context.Context, args []string) (err error) {
	o, err := b.chaosOptions(args)
	if err != nil {
		return err
	}
	before := conditionsNow()
	c := &chaosRun{o: o}
	if err := c.keepLogs(b); err != nil {
		return err
	}
	for _, it := range services {
		b.environ = it.without(b.environ) // chaos has servers of its own, always
	}
	c.site, err = b.open(ctx, serverFlags{data: o.data})
	defer func() {
		c.keepServerLogs(err)
		c.site.close()
	}()
	if err != nil {
		return err
	}
	c.crew = &crew{site: c.site, logs: c.logs}
	defer func() {
		if err != nil {
			c.evidence(err)
		}
		c.crew.dismiss()
		if c.temporal != nil {
			c.temporal.Close()
		}
	}()
	if err := c.begin(ctx); err != nil {
		return err
	}
	if c.sending, err = c.sendTo(c.plan.Topic, c.messages, o.rate, 0); err != nil {
		return err
	}
	defer c.sending.close()
	begun := time.Now()
	if err := c.rage(ctx, begun); err != nil {
		return err
	}
	lasted := time.Since(begun)
	n, err := c.sending.stop(ctx)
	if err != nil {
		return err
	}
	j, err := c.judge(ctx, n)
	if err != nil {
		return err
	}
	return c.certify(j, lasted, before)
}

// begin trains two models, starts workers and stream, and a reader of its output.
func (c *chaosRun) begin(ctx context.Context) (err error) {
	b := c.site.bench
	c.starter = filepath.Join(c.dir, "starter")
	if err := b.build(ctx, b.root, c.starter, "./starter"); err != nil {
		return err
	}
	d, err := pipelines.Load(c.o.pipeline)
	if err != nil {
		return err
	}
	if err := c.makeMessages(ctx, d); err != nil {
		return err
	}
	server, err := c.serving()
	if err != nil {
		return err
	}
	for seed := range int64(2) {
		version, err := c.train(ctx, server, d, seed)
		if err != nil {
			return err
		}
		c.versions = append([]string{version}, c.versions...) // the last is the champion
	}
	if c.temporal, err = c.dial(ctx); err != nil {
		return err
	}
	cluster, err := c.temporal.WorkflowService().GetClusterInfo(ctx, &workflowservice.GetClusterInfoRequest{})
	if err != nil {
		return fmt.Errorf("ask Temporal for its version: %w", err)
	}
	c.temporalVersion = cluster.GetServerVersion()
	for range c.o.workers {
		if _, err := c.crew.hire(); err != nil {
			return err
		}
	}
	if err := c.crew.ready(ctx); err != nil {
		return err
	}
	if c.out, err = c.follow(ctx, d.Sink.Topic, c.way()); err != nil {
		return err
	}
	if err := c.command(ctx, "inference", c.o.pipeline, "--detach", "--shards", fmt.Sprint(c.o.shards)); err != nil {
		return err
	}
	status, err := c.status(ctx)
	if err != nil {
		return err
	}
	c.plan, c.serves = status.Plan, status.Plan.Model.Version
	if c.serves != c.versions[0] {
		return fmt.Errorf("the stream scores with version %s, the champion is %s", c.serves, c.versions[0])
	}
	return nil
}

// status asks the stream's workflow. It fails soon while Temporal is away.
func (c *chaosRun) status(ctx context.Context) (s job.InferenceStatus, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return (&running{temporal: c.temporal, id: job.InferenceWorkflowID(c.o.pipeline)}).status(ctx)
}

// keepLogs makes the folder in which a failure can be looked into afterwards.
func (c *chaosRun) keepLogs(b *bench) (err error) {
	if c.logs = c.o.logs; c.logs == "" {
		c.logs, err = os.MkdirTemp("", "chaos-logs-*")
	} else {
		err = os.MkdirAll(c.logs, 0o700)
	}
	if err == nil {
		c.journal, err = os.Create(filepath.Join(c.logs, "journal.log"))
	}
	if err != nil {
		return fmt.Errorf("keep logs: %w", err)
	}
	return nil
}

// note writes to the journal, whose times are the clock's as in all logs.
func (c *chaosRun) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(c.journal, "%s %s\n", time.Now().UTC().Format("15:04:05.000"), text)
}

// join writes several acts as people read them.
func join(acts []act) string {
	words := make([]string, len(acts))
	for i, a := range acts {
		words[i] = a.String()
	}
	return strings.Join(words, " + ")
}
