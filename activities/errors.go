package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/temporal"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/evaluate"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/registry"
	"temporal-streaming/internal/score"
	"temporal-streaming/internal/serving"
	"temporal-streaming/internal/stream"
	"temporal-streaming/internal/tracking"
	"temporal-streaming/internal/training"
	"temporal-streaming/pipelines"
)

// finals is the one table that says which errors no retry mends, and as what Temporal
// is told of them. An error that is not listed is retried.
var finals = []struct {
	err  error
	kind string
}{
	{training.ErrNoData, job.ErrTypeNotFound},
	{registry.ErrNoChampion, job.ErrTypeNoChampion},
	{pipelines.ErrUnknown, job.ErrTypeNotFound},
	{serving.ErrRequest, job.ErrTypeInvalid},
	{artifact.ErrNotFound, job.ErrTypeNotFound},
	{artifact.ErrBucketMissing, job.ErrTypeNotFound},
	{artifact.ErrDigest, job.ErrTypeCorrupt},
	{artifact.ErrTooLarge, job.ErrTypeInvalid},
	{artifact.ErrInvalid, job.ErrTypeInvalid},
	{dataset.ErrSchema, job.ErrTypeInvalid},
	{dataset.ErrTooLarge, job.ErrTypeInvalid},
	{dataset.ErrCorrupt, job.ErrTypeCorrupt},
	{evaluate.ErrUnattainable, job.ErrTypeInvalid},
	{model.ErrInvalid, job.ErrTypeInvalid},
	{model.ErrONNX, job.ErrTypeCorrupt},
	{score.ErrDigest, job.ErrTypeCorrupt},
	{score.ErrMismatch, job.ErrTypeCorrupt},
	{feature.ErrSpec, job.ErrTypeInvalid},
	{tracking.ErrInvalid, job.ErrTypeInvalid},
	{tracking.ErrNotFound, job.ErrTypeNotFound},
	{tracking.ErrDigest, job.ErrTypeCorrupt},
	{tracking.ErrDeleted, job.ErrTypeInvalid},
	{stream.ErrOffsetLost, job.ErrTypeOffsetLost},
	{stream.ErrHistoryLost, job.ErrTypeHistoryLost},
	{stream.ErrFenced, job.ErrTypeFenced},
	{stream.ErrOutdated, job.ErrTypeFenced},
}

// mapped is err as Temporal should see it: its sentence, and whether to try again.
func mapped(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var definition *pipeline.InvalidError
	if errors.As(err, &definition) {
		return temporal.NewNonRetryableApplicationError(err.Error(), job.ErrTypeInvalid, nil)
	}
	for _, f := range finals {
		if errors.Is(err, f.err) {
			return temporal.NewNonRetryableApplicationError(err.Error(), f.kind, nil)
		}
	}
	return temporal.NewApplicationError(err.Error(), "Retryable")
}
