package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/worker"
)

// begin starts workers. One that has failed to start cannot be started again, so each try
// makes new ones.
func begin(ctx context.Context, workers func() []worker.Worker, log *slog.Logger) (started []worker.Worker, err error) {
	return started, whenReachable(ctx, log, func() error {
		started, err = startAll(workers())
		return err
	})
}

// whenReachable calls Temporal, again and again if it has gone since it was dialled: the loops
// that were resumed run meanwhile, and must not end with this process.
func whenReachable(ctx context.Context, log *slog.Logger, call func() error) error {
	for pause := time.Second; ; pause = min(2*pause, 15*time.Second) {
		err := call()
		if !unreachable(err) {
			return err
		}
		log.Warn("Temporal has gone away; trying again to take work", "in", pause, "error", err,
			"do", "bring Temporal back; loops that run go on meanwhile")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func startAll(workers []worker.Worker) ([]worker.Worker, error) {
	for i, w := range workers {
		if err := w.Start(); err != nil {
			for _, running := range workers[:i] {
				running.Stop()
			}
			return nil, err
		}
	}
	return workers, nil
}

// unreachable tells whether an error says that Temporal does not answer. All others are
// answers, as that there is no such namespace, and a person has to mend something.
func unreachable(err error) bool {
	var (
		unavailable *serviceerror.Unavailable
		deadline    *serviceerror.DeadlineExceeded
	)
	return errors.As(err, &unavailable) || errors.As(err, &deadline) || errors.Is(err, context.DeadlineExceeded)
}
