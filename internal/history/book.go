package history

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/score"
	"temporal-streaming/internal/stream"
)

// Book keeps the histories of the partitions that one loop owns. It is a stream.History, and as little safe for concurrent use.
type Book struct {
	Store    artifact.Store
	Pipeline string
	Topic    string // that the stage reads
	// Every is how old the newest snapshot of a partition gets before the next is begun (default 30 s), if there are new records. It
	// gets older where taking one is so much work that it would take more than a twentieth of the loop's time.
	Every  time.Duration
	Folder string // for a snapshot that is being taken; default: the system's for temporary files
	Logger *slog.Logger
	Now    func() time.Time // default time.Now

	places map[int32]*place
	taking *taking       // the one that is being written down, at most
	ready  *taking       // written down, and its offset not committed yet or the store busy
	upload chan error    // of the one on its way to the store; nil: none
	rest   time.Time     // no snapshot is begun before
	turned time.Time     // when the last turn was
	worked time.Duration // what the one in hand has cost so far
}

// place is what a Book knows of a partition.
type place struct {
	taken     int64     // offset of the newest snapshot
	due       time.Time // when the next is
	committed int64
}

// taking is a snapshot that is not in the store yet.
type taking struct {
	partition int32
	offset    int64
	state     *feature.State
	writing   *feature.Snapshotting
	file      *os.File
	buffer    *bufio.Writer
	stage     string
	keys      int
	begun     time.Time
}

const (
	every      = 30 * time.Second
	share      = 20 // a snapshot may take one part in so many of the loop's time, over all
	stepKeys   = 32 // are written before the clock is asked again
	shortest   = 500 * time.Microsecond
	longest    = 5 * time.Millisecond
	uploadTime = 10 * time.Minute
)

func (b *Book) shelf() shelf { return newShelf(b.Store, b.Pipeline, b.Topic) }

func (b *Book) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}

func (b *Book) at(partition int32) *place {
	if b.places == nil {
		b.places = map[int32]*place{}
	}
	p, known := b.places[partition]
	if !known {
		if b.Every <= 0 {
			b.Every = every
		}
		// Not all at once, though they begin together.
		first := b.Every * time.Duration(len(b.places)%8+1) / 8
		p = &place{taken: -1, due: b.now().Add(first)}
		b.places[partition] = p
	}
	return p
}

// forget gives up what is being taken of partitions that are loaded anew: their states are no more.
func (b *Book) forget(wants []stream.Want) {
	of := func(t *taking) bool {
		return t != nil && slices.ContainsFunc(wants, func(w stream.Want) bool { return w.Partition == t.partition })
	}
	if of(b.taking) {
		b.taking.file.Close()
		b.taking = nil
	}
	if of(b.ready) {
		b.ready.file.Close()
		b.ready = nil
	}
}

// Turn goes on with the snapshot in hand, or begins one.
func (b *Book) Turn(p stream.Processor, partitions []int32, at []int64) {
	now := b.now()
	passed := now.Sub(b.turned)
	b.turned = now
	b.landed()
	if b.taking == nil && b.ready == nil && b.upload == nil && !now.Before(b.rest) {
		b.begin(p.(historian).Histories(), partitions, at, now)
	}
	if b.taking != nil {
		b.step(min(max(passed/share, shortest), longest))
	}
}

// begin begins a snapshot of the partition that has waited longest for one, if one is due.
func (b *Book) begin(h *score.Histories, partitions []int32, at []int64, now time.Time) {
	chosen := -1
	for i, n := range partitions {
		p := b.at(n)
		if at[i] >= 0 && at[i] > p.taken && !now.Before(p.due) && (chosen < 0 || p.due.Before(b.at(partitions[chosen]).due)) {
			chosen = i
		}
	}
	if chosen < 0 {
		return
	}
	t := &taking{partition: partitions[chosen], offset: at[chosen], state: h.Of(partitions[chosen]), stage: digest(h), begun: now}
	b.at(t.partition).due = now.Add(b.Every)
	t.keys = t.state.Keys()
	var err error
	if t.file, err = os.CreateTemp(b.Folder, "history-*"); err != nil {
		b.failed(t, err)
		return
	}
	_ = os.Remove(t.file.Name()) // it lives as long as it is open
	t.buffer = bufio.NewWriterSize(t.file, 1<<17)
	if t.writing, err = t.state.StartSnapshot(t.buffer); err != nil {
		t.file.Close()
		b.failed(t, err)
		return
	}
	b.taking, b.worked = t, 0
}

// step writes for about as long as it may.
func (b *Book) step(budget time.Duration) {
	t, begun := b.taking, time.Now()
	for {
		done, err := t.writing.Step(stepKeys)
		if err == nil && done {
			err = t.buffer.Flush()
		}
		spent := time.Since(begun)
		switch {
		case err != nil:
			t.file.Close()
			b.taking = nil
			b.failed(t, err)
			return
		case done:
			b.worked += spent
			b.rest = b.now().Add(b.worked * share)
			b.taking, b.ready = nil, t
			b.send()
			return
		case spent >= budget:
			b.worked += spent
			return
		}
	}
}

// Committed lets the snapshot go to the store whose offset is committed now.
func (b *Book) Committed(partitions []int32, next []int64) {
	for i, n := range partitions {
		b.at(n).committed = next[i]
	}
	b.send()
}

// send sends what is ready on its way to the store, if it may be sent.
func (b *Book) send() {
	t := b.ready
	if t == nil || b.upload != nil || b.at(t.partition).committed < t.offset {
		return
	}
	b.ready = nil
	b.upload = make(chan error, 1)
	b.at(t.partition).taken = t.offset
	go func(answer chan<- error) {
		ctx, cancel := context.WithTimeout(context.Background(), uploadTime)
		defer cancel()
		answer <- b.store(ctx, t)
	}(b.upload)
}

// store puts a snapshot into the store and on its list.
func (b *Book) store(ctx context.Context, t *taking) error {
	defer t.file.Close()
	size, err := t.file.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = t.file.Seek(0, io.SeekStart)
	}
	s := b.shelf()
	var ref artifact.Ref
	if err == nil {
		ref, err = b.Store.PutReader(ctx, s.root, "state.zst", t.file)
	}
	if err == nil {
		err = s.add(ctx, t.partition, entry{Offset: t.offset, Stage: t.stage, Object: ref, Keys: t.keys, At: t.begun.UTC()})
	}
	if err != nil {
		return fmt.Errorf("keep the snapshot of %s-%d at offset %d: %w", b.Topic, t.partition, t.offset, err)
	}
	b.Logger.Info("snapshot kept", slog.String("topic", b.Topic), slog.Int("partition", int(t.partition)), slog.Int64("offset", t.offset),
		slog.Int("keys", t.keys), slog.Int64("bytes", size), slog.Duration("took", b.now().Sub(t.begun)))
	return nil
}

// landed looks whether the store has answered.
func (b *Book) landed() {
	if b.upload == nil {
		return
	}
	select {
	case err := <-b.upload:
		b.uploaded(err)
		b.send()
	default:
	}
}

// uploaded ends the upload that was on its way.
func (b *Book) uploaded(err error) {
	b.upload = nil
	if err != nil {
		b.warn(err)
	}
}

func (b *Book) failed(t *taking, err error) {
	b.warn(fmt.Errorf("take a snapshot of %s-%d at offset %d: %w", b.Topic, t.partition, t.offset, err))
}

func (b *Book) warn(err error) {
	b.Logger.Warn("no snapshot was kept; the stream goes on, and would begin from an older one", slog.Any("error", err),
		slog.String("do", "see that the object store answers and that the folder for temporary files has room"))
}

// Close waits some seconds for what is on its way to the store, and gives up what is not.
func (b *Book) Close() {
	for _, t := range []*taking{b.taking, b.ready} {
		if t != nil {
			t.file.Close()
		}
	}
	b.taking, b.ready = nil, nil
	if b.upload == nil {
		return
	}
	select {
	case err := <-b.upload:
		b.uploaded(err)
	case <-time.After(patience):
	}
}
