package transact

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnyoneWaitsForNobodyWhoIsSilent(t *testing.T) {
	gone := errors.New("gone")
	silent := func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	answers := func(after time.Duration, it int, err error) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			select {
			case <-time.After(after):
				return it, err
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
	}
	for name, c := range map[string]struct {
		brokers []func(context.Context) (int, error)
		want    int
		err     error
		after   time.Duration
	}{
		"the first answers":                   {[]func(context.Context) (int, error){answers(time.Millisecond, 1, nil)}, 1, nil, time.Millisecond},
		"two are silent":                      {[]func(context.Context) (int, error){silent, silent, answers(time.Millisecond, 3, nil)}, 3, nil, 2*askAnother + time.Millisecond},
		"the first is slower than the second": {[]func(context.Context) (int, error){answers(2*askAnother, 1, nil), answers(time.Millisecond, 2, nil)}, 2, nil, askAnother + time.Millisecond},
		"one refuses, another is slow":        {[]func(context.Context) (int, error){answers(askAnother+50*time.Millisecond, 1, nil), answers(time.Millisecond, 0, gone)}, 1, nil, askAnother + 50*time.Millisecond},
		"the only one asked refuses":          {[]func(context.Context) (int, error){answers(time.Millisecond, 0, gone)}, 0, gone, time.Millisecond},
		"all are silent":                      {[]func(context.Context) (int, error){silent}, 0, ErrTime, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int32
				began := time.Now()
				it, err := anyone(t.Context(), 10*time.Second, func(ctx context.Context) (int, error) {
					return c.brokers[min(int(asked.Add(1)), len(c.brokers))-1](ctx)
				})
				if it != c.want || !errors.Is(err, c.err) || time.Since(began) != c.after {
					t.Errorf("%d, %v after %s, want %d, %v after %s", it, err, time.Since(began), c.want, c.err, c.after)
				}
				synctest.Wait() // and nobody is left behind
			})
		})
	}
}
