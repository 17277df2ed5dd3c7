package transact

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ask sends a request to a broker, once. A broker that is cut off leaves its connections open and never answers, and the cluster takes nine seconds
// to do without it. So while there is no answer, moved is asked every now and then whether another broker has taken over what is asked for.
func (p *Producer) ask(ctx context.Context, broker int32, req kmsg.Request, moved func(context.Context) bool) (kmsg.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	began, over := time.Now(), make(chan struct{})
	watch := time.AfterFunc(longAnswer, func() {
		defer close(over)
		for ctx.Err() == nil {
			if time.Since(began) > p.AnswerTimeout {
				cancel(ErrTime)
			} else if moved(ctx) {
				cancel(errMoved)
			}
			select {
			case <-ctx.Done():
			case <-time.After(askAnother):
			}
		}
	})
	answer, err := p.links.ask(ctx, broker, req)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	if !watch.Stop() {
		<-over // what moved looks at is not changed before
	}
	return answer, err
}

var errMoved = errors.New("no answer, and another broker has taken over")

const (
	longAnswer = time.Second            // what a broker that can be reached takes an answer for rarely
	askAnother = 500 * time.Millisecond // the next of several brokers that may know
)

// anyone asks one broker after another, each beside those before, until one has an answer that is no error. The client chooses them.
func anyone[R any](ctx context.Context, within time.Duration, ask func(context.Context) (R, error)) (R, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	type answer struct {
		it  R
		err error
	}
	answers := make(chan answer)
	next := time.NewTicker(askAnother)
	defer next.Stop()
	for under, due := 0, true; ; {
		if due {
			under++
			go func() {
				it, err := ask(ctx)
				select {
				case answers <- answer{it, err}:
				case <-ctx.Done():
				}
			}()
		}
		due = false
		select {
		case a := <-answers:
			if under--; a.err == nil || under == 0 {
				return a.it, a.err
			}
		case <-next.C:
			due = true
		case <-ctx.Done():
			var none R
			return none, fmt.Errorf("%w: %w", ErrTime, ctx.Err())
		}
	}
}
