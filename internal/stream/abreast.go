package stream

import (
	"context"
	"log/slog"
	"time"

	"temporal-streaming/internal/record"
)

// stale is how old records are that wait for what was there before them; see Options.Abreast.
const stale = 2 * time.Second

// abreastTime bounds how long they wait.
const abreastTime = 30 * time.Second

// abreast holds records back that come from a backlog, until what was written to another topic
// before now has gone its way: labels. A stream that catches up would else overtake them, and
// score records without labels that were known when the records were written. One look is
// enough for all of a backlog.
func (s *session) abreast(ctx context.Context, in []record.Message) error {
	if s.Abreast == nil || len(in) == 0 {
		return nil
	}
	newest := in[0].Timestamp
	for i := range in {
		newest = max(newest, in[i].Timestamp)
	}
	now := s.Now()
	if newest <= s.passed || now.UnixMilli()-newest < stale.Milliseconds() {
		return nil
	}
	if err := s.finish(ctx); err != nil { // nothing is held open meanwhile
		return err
	}
	err := s.await(ctx, abreastTime, s.Abreast)
	if ctx.Err() != nil {
		return nil // the loop is to end; what was polled is read again
	}
	if err != nil {
		s.Logger.Warn("labels are behind, and records go on without them", slog.Any("error", err),
			slog.String("do", "see that the shard of the labels runs: starter status "+s.Pipeline))
	}
	s.passed = now.UnixMilli()
	return nil
}
