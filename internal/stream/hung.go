package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// patience is how much longer than its time a call of the client library may take.
const patience = 3 * time.Second

// hungCall is a call of the client library that did not come back in time. Some do not heed
// their timeout: a request for the offsets of a transaction waits for its coordinator for
// ever if that broker was dropped from the metadata meanwhile (librdkafka 2.15.0, its issues
// 5456 and 5511). It is a fault like others, except that the clients cannot be closed while
// a call is inside them.
type hungCall struct {
	returned <-chan error // when it comes back after all
}

func (h *hungCall) Error() string {
	return fmt.Sprintf("the kafka client did not give up a call %s after its time; it is left behind, with its clients", patience)
}

func (h *hungCall) Is(target error) bool { return target == ErrStuck }

// abandoned tells whether a session ended with a call that hangs. Its clients are then
// closed when that call returns, if ever. Until then they hold their buffers and threads;
// they can do no harm, since the next session fences them.
func (s *session) abandoned(err error) bool {
	var h *hungCall
	if !errors.As(err, &h) {
		return false
	}
	s.Logger.Error("a call of the kafka client hangs; new clients take over", slog.Any("error", err),
		slog.String("do", "nothing now; if it happens again and again, restart the worker when it suits, since each time holds memory"))
	go func() {
		<-h.returned
		s.close(context.Background(), true)
	}()
	return true
}
