package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"temporal-streaming/pipelines"
)

// town is the stream of a pipeline whose features have a history, run as its users run it: by the starter and the worker, on the
// pipeline's own topics. So it starts servers of its own and takes no one else's.
type town struct {
	*site
	pipeline   string
	partitions int
	before     conditions
	worker     *child
	log        townLog

	mu      sync.Mutex
	seen    map[int32][]uint8 // predictions of each record, by its place in the source
	total   int64
	last    time.Time
	visit   func(id int64, at time.Time) // told of each; may be nil
	reading context.CancelFunc
	read    chan error
}

// townOf are the pipelines that a town can send payments of.
var townOf = []string{"transactions", "transactions-rich"}

// settle opens servers, trains a model on simulated payments, and makes the topics.
func (b *bench) settle(ctx context.Context, o serverFlags, name string, partitions int) (*town, error) {
	if !slices.Contains(townOf, name) {
		return nil, fmt.Errorf("%w: --pipeline %s: this benchmark sends the payments of %s", errUsage, name, strings.Join(townOf, " or "))
	}
	if o.address[0] != "" {
		return nil, fmt.Errorf("%w: a stream with stages runs on the pipeline's own topics: on servers that the benchmark starts itself", errUsage)
	}
	t := &town{pipeline: name, partitions: partitions, before: conditionsNow(), seen: map[int32][]uint8{}}
	var err error
	if t.site, err = b.open(ctx, o); err != nil {
		return t, err
	}
	t.starter = filepath.Join(t.dir, "starter")
	if err := b.build(ctx, b.root, t.starter, "./starter"); err != nil {
		return t, err
	}
	d, err := pipelines.Load(name)
	if err != nil {
		return t, err
	}
	if err := t.makeTopics(ctx, partitions, d.Source.Topic, d.Sink.Topic, d.Sink.DeadLetters, d.Label.Topic); err != nil {
		return t, err
	}
	if t.worker, err = t.startWorker(&t.log); err != nil {
		return t, err
	}
	b.say("training a model of %s on 60,000 simulated payments", name)
	data := filepath.Join(t.dir, "simulated.parquet")
	for _, args := range [][]string{
		{"simulate", "transactions", "--rows", "60000", "--out", data}, {"load", name, data}, {"train", name},
	} {
		if err := t.command(ctx, args...); err != nil {
			return t, err
		}
	}
	return t, nil
}

// leave takes everything down.
func (t *town) leave() {
	if t == nil {
		return
	}
	if t.reading != nil {
		t.reading()
		<-t.read
	}
	if t.worker != nil {
		_ = t.worker.kill() // it may have ended
	}
	if t.site != nil {
		t.close()
	}
}

// command runs the starter.
func (t *town) command(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, t.starter, append(args, "--json")...)
	bind(cmd)
	cmd.Dir, cmd.Env = t.dir, append(slices.Clone(t.environ), "NO_COLOR=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("starter %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return nil
}

// infer starts the stream and waits until all of its loops run. It answers when the first did.
func (t *town) infer(ctx context.Context) (began time.Time, err error) {
	started := make(chan error, 1)
	go func() { started <- t.command(ctx, "inference", t.pipeline, "--detach") }()
	for i := range 3 { // two stages and the labels
		at, err := t.worker.runs(ctx)
		if err != nil {
			return began, err
		}
		if i == 0 {
			began = at
		}
	}
	return began, <-started
}

// audit has the starter compute a sample anew and compare it bit for bit.
func (t *town) audit(ctx context.Context) error {
	t.bench.say("auditing the features and scores")
	return t.command(ctx, "audit", t.pipeline, "--sample", "20000")
}
