package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
)

// Finish lets a shard's loop read its topic to the end, to which nobody writes any more, and
// drains it. It waits for a loop that is about to start; one that does not come is absent.
func (s *Stream) Finish(ctx context.Context, req job.ControlRequest) (job.Progress, error) {
	defer beat(ctx)()
	key := shardKey(req.Pipeline, req.Shard)
	for began := time.Now(); ; {
		unread, err := s.Serving.Unread(ctx, *req.Plan, req.Shard)
		if err == nil && !unread {
			break
		}
		if s.Host.Runs(key) {
			began = time.Now()
		} else if time.Since(began) > starting {
			return job.Progress{}, temporal.NewNonRetryableApplicationError(stream.ErrNoLoop.Error(), job.ErrTypeAbsent, nil)
		}
		select {
		case <-ctx.Done():
			return job.Progress{}, errors.Join(ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return s.Drain(ctx, req)
}

// starting is how long a loop may take to begin, its model to be fetched included.
const starting = 30 * time.Second
