package main

import (
	"context"
	"time"

	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

// askFor is how long one question to a server or a worker may take, so that a
// screen never stands still for longer.
const askFor = 2 * time.Second

// trainer starts and watches training runs.
type trainer interface {
	StartTrain(ctx context.Context, request job.TrainRequest, at time.Time) (control.Run, error)
	TrainProgress(ctx context.Context, run control.Run) (job.TrainProgress, error)
	WaitTrain(ctx context.Context, run control.Run) (job.TrainResult, error)
}

// trainWatch is what is known of a run while it is watched.
type trainWatch struct {
	temporal controlPlane
	run      control.Run
	board    *screen.Board
	style    screen.Style
	crew     crew

	progress job.TrainProgress
	pending  []control.Activity
}

// watchTrain draws the steps of a run until it ends or ctx does.
func (a *app) watchTrain(ctx context.Context, t controlPlane, run control.Run) (job.TrainResult, error) {
	w := &trainWatch{
		temporal: t, run: run, board: a.console.board(), style: a.console.style(),
		crew: crew{temporal: t, queue: job.TrainQueue, every: a.pace.workers, now: a.now},
	}
	defer w.board.Leave()
	var result job.TrainResult
	err := a.watch(ctx, func() (err error) { result, err = t.WaitTrain(ctx, run); return err }, func() {
		w.look(ctx)
		w.board.Draw(trainLines(w.style, w.progress.Steps, w.pending, a.now()))
	})
	if ctx.Err() != nil {
		return job.TrainResult{}, ctx.Err()
	}
	w.look(ctx)
	w.board.Draw(trainLines(w.style, finalSteps(w.progress, err), nil, a.now()))
	return result, err
}

// look asks the server, and the worker if there is one.
func (w *trainWatch) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	if note := w.crew.note(ctx); note != "" {
		w.board.Say(w.style.Warn(note))
	}
	if x, err := w.temporal.Describe(ctx, w.run); err == nil {
		w.pending = x.Pending
	}
	if !w.crew.there() {
		return
	}
	if p, err := w.temporal.TrainProgress(ctx, w.run); err == nil {
		w.progress = p
	}
}

// finalSteps are the steps of a run that has ended. Its worker may be gone, and then
// the last answer is older than the end.
func finalSteps(p job.TrainProgress, err error) []job.Step {
	steps := append([]job.Step(nil), p.Steps...)
	for i := range steps {
		switch {
		case err == nil && steps[i].State != job.StepDone:
			steps[i].State = job.StepDone
		case err != nil && steps[i].State == job.StepRunning:
			steps[i].State = job.StepFailed
		}
	}
	return steps
}
