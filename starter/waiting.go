package main

import (
	"context"
	"fmt"
	"strings"

	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

// waiting tells a person who waits for a stream's answer what hinders it, once each: no worker is there to give it, Temporal does not
// answer, or a step of the stream fails and is tried again, as one that needs a service that is away.
type waiting struct {
	temporal controlPlane
	name     string // of the pipeline
	stays    string // what Ctrl-C does not end: the stream or the order
	cancel   context.CancelFunc
	over     chan struct{}
	step     string // that fails, when last looked
	crew     crew
}

// waitFor looks until end is called. stays is what goes on without whoever waits.
func (a *app) waitFor(ctx context.Context, t controlPlane, name, stays string) *waiting {
	ctx, cancel := context.WithCancel(ctx)
	w := &waiting{
		temporal: t, name: name, stays: stays, cancel: cancel, over: make(chan struct{}),
		crew: crew{temporal: t, queue: job.StreamQueue, every: a.pace.workers, now: a.now},
	}
	go func() {
		defer close(w.over)
		for {
			if note := w.crew.note(ctx); note != "" && ctx.Err() == nil {
				a.console.say("%s\n", a.console.style().Warn(note))
			}
			if !sleep(ctx, a.pace.patience) {
				return
			}
			if note := w.look(ctx); note != "" && ctx.Err() == nil {
				a.console.say("%s\n", a.console.style().Warn(note))
			}
		}
	}()
	return w
}

// look returns a sentence when another step fails than before, or the same one in another way.
func (w *waiting) look(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	x, err := w.temporal.Describe(ctx, control.Run{WorkflowID: job.InferenceWorkflowID(w.name)})
	if err != nil {
		return ""
	}
	before := w.step
	if w.step = failingStep(x.Pending); w.step == before || w.step == "" {
		return ""
	}
	return fmt.Sprintf("The stream waits for %s. Ctrl-C ends the waiting, not the %s.", w.step, w.stays)
}

// end stops looking: nothing is said after it. It answers which step failed when last looked, or nothing.
func (w *waiting) end() string {
	w.cancel()
	<-w.over
	return w.step
}

// failingStep is the step of a stream that fails now and is tried again, besides its segments and leases, which fail and come back by
// themselves.
func failingStep(pending []control.Activity) string {
	for _, step := range pending {
		if step.LastFailure == "" || step.Type == "Segment" || step.Type == "Lease" {
			continue
		}
		return fmt.Sprintf("its step %s, which fails and is tried again: %s",
			step.Type, screen.Short(screen.Safe(strings.TrimRight(step.LastFailure, ".")), 300))
	}
	return ""
}
