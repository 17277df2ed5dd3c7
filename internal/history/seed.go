package history

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/score"
)

// Seed makes state what is known of a partition before the stream goes on at origin, or, if origin is -1, before it begins wherever it
// will. Snapshots of before are taken away: what was known then is replaced. It answers the size of what was stored.
func (b *Book) Seed(ctx context.Context, h *score.Histories, partition int32, state *feature.State, origin int64) (bytes int64, err error) {
	fail := func(err error) (int64, error) {
		return 0, fmt.Errorf("seed the history of %s-%d: %w", b.Topic, partition, err)
	}
	file, err := os.CreateTemp(b.Folder, "history-*")
	if err != nil {
		return fail(err)
	}
	defer file.Close()
	_ = os.Remove(file.Name()) // it lives as long as it is open
	buffer := bufio.NewWriterSize(file, 1<<17)
	if err := state.Snapshot(buffer); err != nil {
		return fail(err)
	}
	if err := buffer.Flush(); err != nil {
		return fail(err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fail(err)
	}
	s := b.shelf()
	ref, err := b.Store.PutReader(ctx, s.root, "seed.zst", file)
	if err != nil {
		return fail(err)
	}
	before, err := s.read(ctx, partition)
	if err != nil {
		before = list{} // there was none, or a damaged one, which is replaced
	}
	seed := entry{Offset: max(0, origin), Stage: digest(h), Object: ref, Keys: state.Keys(), At: time.Now().UTC()}
	l := list{Origin: max(0, origin), Seed: &seed}
	if err := s.write(ctx, partition, l); err != nil {
		return fail(err)
	}
	gone := before.Snapshots
	if before.Seed != nil {
		gone = append(gone, *before.Seed)
	}
	return ref.Size, s.remove(ctx, gone, l)
}
