package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"time"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/connect"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
)

// The child modes: processes of this program whose processor time is measured from outside.
const (
	childLoop = "child-loop" // the stream's loop without worker and workflow, as for a profile
	childBare = "child-bare" // the loop that one writes first with the client library
)

// loopTask is what a child mode reads on standard input.
type loopTask struct {
	Plan    job.StreamPlan `json:"plan"`
	Profile string         `json:"profile,omitempty"` // file for a profile of the processor, from the first record on
	Commit  time.Duration  `json:"commit,omitempty"`  // childBare: between commits
	Bytes   int            `json:"bytes,omitempty"`   // childBare: of a value that it produces
}

func (b *bench) task() (t loopTask, s *site, err error) {
	text, err := io.ReadAll(b.stdin)
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil {
		return t, nil, fmt.Errorf("read task: %w", err)
	}
	s = &site{bench: b, environ: b.environ}
	if s.cfg, err = config.Load(b.environ); err != nil {
		return t, nil, err
	}
	s.kafka = connect.Kafka(s.cfg.Kafka)
	return t, s, nil
}

// loop runs internal/serving's loop over all partitions, until it is asked to end. It is
// what the worker runs, less Temporal.
func (b *bench) loop(ctx context.Context, _ []string) error {
	t, s, err := b.task()
	if err != nil {
		return err
	}
	server, err := s.serving()
	if err != nil {
		return err
	}
	l, err := server.Loop(ctx, job.SegmentRequest{Plan: t.Plan, Shard: job.Shard{Partitions: t.Plan.Partitions()}}, stream.Hooks{}, b.stdout)
	if err != nil {
		return err
	}
	if t.Profile != "" {
		file, err := os.Create(t.Profile)
		if err != nil {
			return fmt.Errorf("write profile: %w", err)
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return fmt.Errorf("write profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	_, err = l.Run(ctx)
	return err
}
