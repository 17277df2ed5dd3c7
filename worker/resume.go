package main

import (
	"context"
	"sync"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// resume starts the loops that this worker's predecessor ran when it died, all at once.
// What cannot be resumed is leased as usual.
func resume(ctx context.Context, s *activities.Stream, requests []job.SegmentRequest) {
	var group sync.WaitGroup
	for _, req := range requests {
		group.Go(func() {
			if err := activities.Resume(ctx, s, req); err != nil {
				s.Logger.Warn("could not resume a loop; it will be leased again", "error", err)
				return
			}
			s.Logger.Info("resumed a loop of this worker's predecessor", "pipeline", req.Plan.Pipeline, "partitions", req.Shard.Partitions)
		})
	}
	group.Wait()
}

// settle drains those resumed loops whose stream has ended meanwhile.
func settle(ctx context.Context, s *activities.Stream, requests []job.SegmentRequest, running map[string]bool) {
	for _, req := range requests {
		if running[job.InferenceWorkflowID(req.Plan.Pipeline)] {
			continue
		}
		if err := activities.Unresume(ctx, s, req); err != nil {
			s.Logger.Warn("could not drain a loop whose stream has ended", "pipeline", req.Plan.Pipeline, "error", err)
		}
	}
}
