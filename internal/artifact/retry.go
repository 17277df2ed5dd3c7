package artifact

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// retry repeats what failed with ErrUnavailable, a bounded number of times, with doubling pauses that are jittered so
// that many workers do not come back at the same instant.
type retry struct {
	attempts int
	first    time.Duration
	longest  time.Duration
}

func (r retry) do(ctx context.Context, attempt func() error) error {
	pause := r.first
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := attempt()
		if err == nil || n >= r.attempts || !errors.Is(err, ErrUnavailable) {
			return err
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2+1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), err) // what was tried explains why it took so long
		case <-timer.C:
		}
		pause = min(2*pause, r.longest)
	}
}
