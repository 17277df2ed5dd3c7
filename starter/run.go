package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"temporal-streaming/internal/config"
	"temporal-streaming/starter/internal/control"
)

// runAnswer is what --json prints first of a durable run: train and search start one, watch it, and may leave it.
type runAnswer struct {
	Outcome string `json:"outcome"` // started or detached; what else there is, the command says
	control.Run
	TemporalURL string `json:"temporal_url"`
	MLflowURL   string `json:"mlflow_url"`
}

func started(cfg config.Config, run control.Run) runAnswer {
	return runAnswer{"started", run, cfg.WorkflowURL(run.WorkflowID, run.RunID), strings.TrimRight(cfg.MLflowUI(), "/") + "/#/experiments"}
}

// announce says what runs, and where people find it.
func (a *app) announce(title string, r runAnswer) {
	style := a.console.style()
	a.console.say("%s %s\n%s\n", style.Strong(title), style.Dim(r.WorkflowID), style.Pairs([][2]string{
		{"Temporal", style.Accent(r.TemporalURL)},
		{"MLflow", style.Accent(r.MLflowURL)},
	}))
}

// find looks for a run that people have named; start is the command that starts one.
func find(ctx context.Context, t controlPlane, id, start string) (control.Execution, error) {
	x, err := t.Describe(ctx, control.Run{WorkflowID: id})
	if errors.Is(err, control.ErrNotFound) {
		return control.Execution{}, fail(fmt.Errorf("there is no run %s", id), "The Temporal Web UI lists the runs; start one with: %s.", start)
	}
	return x, err
}

// runFailed is the end of a run that went wrong, with the way to its history.
func (a *app) runFailed(err error, r runAnswer) error {
	var p *problem
	if err := a.temporalProblem(err); errors.As(err, &p) {
		return &problem{what: p.what, next: strings.TrimRight(p.next, "\n") + "\nHistory: " + r.TemporalURL, code: p.code}
	}
	return fail(err, "History: %s", r.TemporalURL)
}

// comeBack is the command that watches a run again.
func comeBack(command, pipeline string, r runAnswer) string {
	return fmt.Sprintf("starter %s %s --attach %s", command, pipeline, r.WorkflowID)
}

// watch draws a run until wait has heard of its end, or ctx ends. wait returns control.ErrUnreachable when the server has gone,
// and is called again: the run goes on without us, and so does the wait for it. It may still be at work when ctx has ended.
func (a *app) watch(ctx context.Context, wait func() error, draw func()) error {
	ends := make(chan error, 1)
	go func() {
		for {
			err := wait()
			if errors.Is(err, control.ErrUnreachable) && sleep(ctx, a.pace.workers) {
				continue
			}
			ends <- err
			return
		}
	}()
	for {
		draw()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ends:
			return err
		case <-time.After(a.pace.watch):
		}
	}
}

// sleep waits, and tells whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// emitJSON prints v if scripts are listening.
func (a *app) emitJSON(v any) error {
	if !a.console.json {
		return nil
	}
	return a.console.emit(v)
}
