package main

import (
	"context"
	"time"

	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/control"
)

// trainer starts and watches training runs.
type trainer interface {
	StartTrain(ctx context.Context, request job.TrainRequest, at time.Time) (control.Run, error)
	TrainProgress(ctx context.Context, run control.Run) (job.TrainProgress, error)
	WaitTrain(ctx context.Context, run control.Run) (job.TrainResult, error)
}

// streamer starts, watches and stops streams.
type streamer interface {
	Attach(ctx context.Context, request job.InferenceRequest) (job.InferenceStatus, control.Run, error)
	StreamStatus(ctx context.Context, run control.Run) (job.InferenceStatus, error)
	Stop(ctx context.Context, pipeline string, request job.StopRequest) (job.StopReceipt, error)
	Streams(ctx context.Context, pipeline string) ([]control.Execution, error)
	Describe(ctx context.Context, run control.Run) (control.Execution, error)
	Workers(ctx context.Context, queue string) (int, error)
}
