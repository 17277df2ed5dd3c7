package history

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/score"
	"temporal-streaming/internal/stream"
)

// historian is a processor that knows histories, as a score.StageEngine does.
type historian interface {
	Histories() *score.Histories
}

// Load loads the newest good snapshots, of all partitions at once.
func (b *Book) Load(ctx context.Context, p stream.Processor, wants []stream.Want) error {
	h := p.(historian).Histories()
	b.forget(wants)
	begun := b.now()
	states, errs := make([]*feature.State, len(wants)), make([]error, len(wants))
	var all sync.WaitGroup
	for i := range wants {
		all.Go(func() { states[i], errs[i] = b.load(ctx, h, &wants[i]) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, w := range wants {
		h.Set(w.Partition, states[i])
		b.at(w.Partition).taken = w.At
	}
	keys, bytes, _ := h.Stands()
	b.Logger.Info("histories are loaded", slog.Int("keys", keys), slog.Int64("bytes", bytes), slog.Duration("took", b.now().Sub(begun)))
	return nil
}

// load answers the state at an offset up to w.Next, which becomes w.At; a nil state knows nothing.
func (b *Book) load(ctx context.Context, h *score.Histories, w *stream.Want) (*feature.State, error) {
	l, unlisted, err := b.list(ctx, w)
	if err != nil {
		return nil, err
	}
	if unlisted != "" {
		// Where the stream began is not known. If nothing of the log was deleted yet, it is taken to
		// have begun with the first record.
		if w.First > 0 {
			return nil, b.lost(w, unlisted)
		}
		b.logOf(w).Error("the history is built anew from all of the log", slog.String("reason", unlisted),
			slog.String("do", "look who has changed streams/ in the object store"))
		w.At = 0
		return nil, nil
	}
	state, others, err := b.newest(ctx, h, l, w)
	if state != nil || err != nil {
		return state, err
	}
	return b.beginning(ctx, h, l, w, others)
}

// list reads which snapshots there are, and begins the list of a stream that has none yet. unlisted says why a stream that is not new
// has none; else it is empty.
func (b *Book) list(ctx context.Context, w *stream.Want) (l list, unlisted string, err error) {
	l, err = b.shelf().read(ctx, w.Partition)
	missing, torn := errors.Is(err, artifact.ErrNotFound), errors.Is(err, errList)
	switch {
	case err != nil && !missing && !torn:
		return l, "", err
	case w.Fresh:
		l, err = b.shelf().begin(ctx, w.Partition, w.Next)
		return l, "", err
	case missing:
		return l, "there is no list of its snapshots", nil
	case torn:
		return l, err.Error(), nil
	}
	return l, "", nil
}

// newest answers the newest good snapshot that the log can go on from, or nothing; others counts those of other features.
func (b *Book) newest(ctx context.Context, h *score.Histories, l list, w *stream.Want) (state *feature.State, others int, err error) {
	stage := digest(h)
	for _, e := range l.Snapshots {
		if e.Stage != stage {
			others++
		}
		if e.Stage != stage || e.Offset > w.Next || e.Offset < w.First {
			continue
		}
		state, err := b.open(ctx, h, e)
		if err == nil {
			w.At = e.Offset
			return state, others, nil
		}
		if !damaged(err) {
			return nil, others, err
		}
		b.logOf(w).Error("a snapshot is skipped", slog.Int64("offset", e.Offset), slog.Any("error", err), slog.String("object", e.Object.Key),
			slog.String("do", "nothing: the one before it, or the log, has what is needed; look at the object store"))
	}
	return nil, others, nil
}

// beginning answers what the stream began with, if the log still reaches back to there.
func (b *Book) beginning(ctx context.Context, h *score.Histories, l list, w *stream.Want, others int) (*feature.State, error) {
	if w.First > l.Origin || l.Origin > w.Next {
		why := "no snapshot can be read"
		if others > 0 {
			why = "the features were changed, and its snapshots are of others"
		}
		return nil, b.lost(w, fmt.Sprintf("%s, and the stream began at offset %d", why, l.Origin))
	}
	w.At = l.Origin
	if w.At < w.Next {
		b.logOf(w).Warn("the history is built anew from the log", slog.Int64("from", w.At), slog.Int64("to", w.Next), slog.Int("snapshots of other features", others))
	}
	if l.Seed == nil {
		return nil, nil
	}
	if l.Seed.Stage != digest(h) {
		return nil, b.lost(w, "the features were changed since the stream was given a history to begin with")
	}
	state, err := b.open(ctx, h, *l.Seed)
	if damaged(err) {
		return nil, b.lost(w, "what the stream began with cannot be read: "+err.Error())
	}
	return state, err
}

func (b *Book) logOf(w *stream.Want) *slog.Logger {
	return b.Logger.With(slog.String("topic", b.Topic), slog.Int("partition", int(w.Partition)))
}

func (b *Book) lost(w *stream.Want, why string) error {
	return fmt.Errorf("%s-%d: %w: %s; the broker has the records from offset %d on, and %d is committed;"+
		" build it anew from an archive: starter backfill %s", b.Topic, w.Partition, stream.ErrHistoryLost, why, w.First, w.Next, b.Pipeline)
}

// damaged tells the errors of a snapshot that no retry mends.
func damaged(err error) bool {
	for _, e := range []error{artifact.ErrNotFound, artifact.ErrDigest, artifact.ErrTooLarge, artifact.ErrInvalid, feature.ErrSnapshot, feature.ErrDefinition} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (b *Book) open(ctx context.Context, h *score.Histories, e entry) (*feature.State, error) {
	r, err := b.Store.Open(ctx, e.Object)
	if err != nil {
		return nil, err
	}
	defer r.Close() // only read
	state, err := h.Read(bufio.NewReaderSize(r, 1<<18))
	if err != nil {
		return nil, fmt.Errorf("read snapshot at offset %d: %w", e.Offset, err)
	}
	return state, nil
}

func digest(h *score.Histories) string {
	d := h.Digest()
	return hex.EncodeToString(d[:])
}

// patience bounds what is done for the store's sake after the loop has ended.
const patience = 10 * time.Second

// Oldest puts the oldest state of a partition into h from which the log, which begins at first, goes on, and answers its offset.
// Its errors are those of Load.
func (b *Book) Oldest(ctx context.Context, h *score.Histories, partition int32, first int64) (at int64, err error) {
	w := stream.Want{Partition: partition, First: first, Next: first}
	l, err := b.shelf().read(ctx, partition)
	if err != nil && !errors.Is(err, artifact.ErrNotFound) && !errors.Is(err, errList) {
		return 0, err
	}
	stage := digest(h)
	switch {
	case err != nil && first > 0:
		return 0, b.lost(&w, "there is no list of its snapshots")
	case err != nil || l.Origin >= first && l.Seed == nil:
		return max(first, l.Origin), nil
	case l.Origin >= first && l.Seed.Stage == stage:
		state, err := b.open(ctx, h, *l.Seed)
		if err == nil {
			h.Set(partition, state)
			return l.Origin, nil
		}
		if !damaged(err) {
			return 0, err
		}
	}
	for _, e := range slices.Backward(l.Snapshots) {
		if e.Stage != stage || e.Offset < first {
			continue
		}
		state, err := b.open(ctx, h, e)
		if err == nil {
			h.Set(partition, state)
			return e.Offset, nil
		}
		if !damaged(err) {
			return 0, err
		}
	}
	return 0, b.lost(&w, "no snapshot is young enough")
}
