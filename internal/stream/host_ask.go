package stream

import (
	"context"
	"errors"
)

// Runs tells whether the loop of a shard runs here.
func (h *Host) Runs(key string) bool {
	_, running := h.loop(key)
	return running
}

// Generation is that of the orders which the loop of a shard reported last.
func (h *Host) Generation(key string) int64 {
	l, running := h.loop(key)
	if !running {
		return unordered
	}
	return l.latest().Generation
}

// Obey gives orders to the loop of a shard, see Loop.Obey.
func (h *Host) Obey(ctx context.Context, key string, o Orders) (Receipt, error) {
	return h.ask(ctx, key, func(ctx context.Context, r Runner) (Receipt, error) { return r.Obey(ctx, o) })
}

// Stand has the loop of a shard commit, and asks where it stands.
func (h *Host) Stand(ctx context.Context, key string) (Receipt, error) {
	return h.ask(ctx, key, func(ctx context.Context, r Runner) (Receipt, error) { return r.Stand(ctx) })
}

// ask gives up when the loop ends: it will not answer any more.
func (h *Host) ask(ctx context.Context, key string, question func(context.Context, Runner) (Receipt, error)) (Receipt, error) {
	l, running := h.loop(key)
	if !running {
		return Receipt{}, ErrNoLoop
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-l.done:
			cancel(ErrNoLoop)
		case <-ctx.Done():
		}
	}()
	r, err := question(ctx, l.runner)
	if err != nil && errors.Is(context.Cause(ctx), ErrNoLoop) {
		err = ErrNoLoop
	}
	return r, err
}
