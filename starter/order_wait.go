package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/tracking"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

// watching tells a person who waits for a receipt what the stream is doing meanwhile, if
// that fails: an order may wait for a service that is away, and for the orders before it.
// Call done when the answer has come.
func (a *app) watching(ctx context.Context, t controlPlane, name string) (done func()) {
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		said := ""
		for sleep(ctx, a.pace.patience) {
			note := a.obstacle(ctx, t, name)
			if note != said && note != "" && ctx.Err() == nil {
				a.console.say("%s\n", a.console.style().Warn(note))
			}
			said = note
		}
	}()
	return func() {
		cancel()
		<-over
	}
}

// obstacle is the step of the stream that fails now, besides its segments and leases,
// which fail and come back by themselves.
func (a *app) obstacle(ctx context.Context, t controlPlane, name string) string {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	x, err := t.Describe(ctx, control.Run{WorkflowID: job.InferenceWorkflowID(name)})
	if err != nil {
		return ""
	}
	for _, step := range x.Pending {
		if step.LastFailure == "" || step.Type == "Segment" || step.Type == "Lease" {
			continue
		}
		return fmt.Sprintf("The stream waits for its step %s, which fails and is tried again: %s. Ctrl-C ends the waiting, not the order.",
			step.Type, screen.Short(screen.Safe(strings.TrimRight(step.LastFailure, ".")), 300))
	}
	return ""
}

// knownModel refuses a model that MLflow does not have. Where MLflow cannot be asked, the
// stream finds out: its worker may reach what this machine does not.
func (a *app) knownModel(ctx context.Context, name, model string) error {
	cfg, err := a.settings()
	if err != nil {
		return err
	}
	if _, err := a.pipeline(name); err != nil {
		return err
	}
	client, err := a.reach.mlflow(cfg.MLflow)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, min(a.timeout, 2*time.Second))
	defer cancel()
	if _, err := client.Version(ctx, name, model); errors.Is(err, tracking.ErrNotFound) {
		return fail(fmt.Errorf("%s has no version and no alias %q", name, screen.Safe(model)), "MLflow shows which there are: %s. Nothing was changed.", cfg.MLflow.URI)
	}
	return nil
}
