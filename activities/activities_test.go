package activities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
	"temporal-streaming/internal/tracking"
	"temporal-streaming/internal/training"
)

func TestFinalErrorsAreNotTriedAgain(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind string
	}{
		{fmt.Errorf("ingest: %w", training.ErrNoData), job.ErrTypeNotFound},
		{fmt.Errorf("open: %w", artifact.ErrDigest), job.ErrTypeCorrupt},
		{fmt.Errorf("run: %w", stream.ErrFenced), job.ErrTypeFenced},
		{fmt.Errorf("run: %w", &stream.OffsetLost{}), job.ErrTypeOffsetLost},
		{fmt.Errorf("run: %w", stream.ErrHistoryLost), job.ErrTypeHistoryLost},
	} {
		var app *temporal.ApplicationError
		if err := mapped(c.err); !errors.As(err, &app) || app.Type() != c.kind || !app.NonRetryable() {
			t.Errorf("%v is mapped to %v, want type %s and no retry", c.err, err, c.kind)
		}
	}
}

func TestTransientErrorsAreTriedAgain(t *testing.T) {
	for _, err := range []error{artifact.ErrUnavailable, tracking.ErrUnavailable, errors.New("who knows")} {
		var app *temporal.ApplicationError
		if got := mapped(fmt.Errorf("log: %w", err)); !errors.As(got, &app) || app.NonRetryable() {
			t.Errorf("%v is mapped to %v, want an error that is retried", err, got)
		}
	}
	if mapped(nil) != nil || !errors.Is(mapped(context.Canceled), context.Canceled) {
		t.Error("success or a cancellation is changed")
	}
}

func TestEndOfASessionDecidesTheEndOfTheSegment(t *testing.T) {
	s := &Stream{Host: stream.NewHost(0), Logger: slog.New(slog.DiscardHandler)}
	for _, c := range []struct {
		name    string
		outcome stream.Outcome
		err     error
		end     job.End
		fails   bool
	}{
		{"budget", stream.BudgetSpent, nil, job.EndBudget, false},
		{"detached", stream.SessionEnded, nil, job.EndDetached, false},
		{"drained", stream.LoopEnded, nil, job.EndStopped, false},
		{"fenced", stream.LoopEnded, stream.ErrFenced, "", true},
		{"worker stops", stream.DriverStopped, errWorkerStops, job.EndLeaving, false},
		{"cancelled", stream.DriverStopped, temporal.NewCanceledError(), job.EndStopped, false},
		{"given up by Temporal", stream.DriverStopped, serviceerror.NewNotFound("workflow execution already completed"), job.EndStopped, false},
		{"Temporal away", stream.DriverStopped, context.DeadlineExceeded, "", true},
	} {
		got, err := s.ended(job.Shard{}, "creditcard/[0]", c.outcome, stream.Progress{}, c.err)
		if (err != nil) != c.fails || got.End != c.end {
			t.Errorf("%s: segment ends as %q with %v, want %q, failing %t", c.name, got.End, err, c.end, c.fails)
		}
	}
}
