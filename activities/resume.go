package activities

import (
	"context"
	"fmt"
	"time"

	"temporal-streaming/internal/job"
)

// Resume starts a loop that this worker ran when it died, before Temporal has been asked.
// The next segment adopts it, so that the gap in the stream is the time to start a process.
//
// It may be wrong: the shard may be leased elsewhere by now, or the stream may have ended.
// That does no harm to the records. The loop fences whoever holds the partitions, that one
// asks its lease and fences the loop for good, and a loop without a session ends when it is
// fenced. If the partitions are divided anew, the loop finds a newer generation than its own.
func Resume(ctx context.Context, s *Stream, req job.SegmentRequest) error {
	key := shardKey(req.Plan.Pipeline, req.Shard)
	a := s.attachment(ctx, req)
	a.Lasts = time.Duration(req.Lasts)
	if _, err := s.Host.Attach(ctx, a); err != nil {
		return fmt.Errorf("resume %s: %w", key, err)
	}
	return s.Host.Detach(key)
}

// Unresume drains a resumed loop whose stream does not run any more.
func Unresume(ctx context.Context, s *Stream, req job.SegmentRequest) error {
	key := shardKey(req.Plan.Pipeline, req.Shard)
	_, err := s.Host.Drain(ctx, key)
	s.Journal.Drop(key)
	return err
}
