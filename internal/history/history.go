// Package history keeps what the stages of a stream know of the records before in the object store, so that a loop that begins
// anew knows it within seconds.
//
// What a stage knows of a partition is a function of that partition's log. A snapshot is that at one offset; it is worth
// something from the moment on at which the offset is committed. The newest few of a partition stand in its list, a named object:
// one that is torn or damaged is skipped for the one before, loudly. Where none is left, what is known is built anew from the
// log, as long as that reaches back to where the stream began.
//
//	book := history.Book{Store: store, Pipeline: "transactions", Topic: "transactions.stage-1"}
//	loop, err := stream.NewLoop(stream.Options{History: book.Open(), ...}, engine)
//
// Any owner of a partition may write its list, a former one as well that does not know yet that it is one: whatever it adds is true,
// since it is about committed offsets, and lists are merged when they are written.
package history

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"temporal-streaming/internal/artifact"
)

// list is what the store knows of one partition of a stage's topic.
type list struct {
	Format int   `json:"format"`
	Origin int64 `json:"origin"` // the first offset that was read: before it there is the seed, or nothing
	// Seed is the snapshot that the stream began with; nil: with nothing.
	Seed      *entry  `json:"seed,omitempty"`
	Snapshots []entry `json:"snapshots"` // the newest first
}

// entry is one snapshot.
type entry struct {
	Offset int64        `json:"offset"` // it holds the records before it
	Stage  string       `json:"stage"`  // hex digest of what a state consists of
	Object artifact.Ref `json:"object"`
	Keys   int          `json:"keys"`
	At     time.Time    `json:"at"`
}

// listFormat is the one that this version writes. Later ones read it, too.
const listFormat = 1

// How many snapshots are kept: of the features in force, so that a damaged one costs some time; and of others, for who goes back to them.
const (
	keepOwn    = 3
	keepOthers = 1
)

// errList is returned for a list that cannot be read.
var errList = errors.New("damaged list of snapshots")

// shelf is where the lists of a topic's partitions are.
type shelf struct {
	store artifact.Store
	root  string // streams/PIPELINE/histories/TOPIC
}

func newShelf(store artifact.Store, pipeline, topic string) shelf {
	return shelf{store: store, root: "streams/" + pipeline + "/histories/" + topic}
}

func (s shelf) key(partition int32) string {
	return s.root + "/" + strconv.Itoa(int(partition)) + "/list.json"
}

// read answers artifact.ErrNotFound if there is no list, errList if it is none, or another error if the store does not answer.
func (s shelf) read(ctx context.Context, partition int32) (list, error) {
	data, err := s.store.GetNamed(ctx, s.key(partition))
	if errors.Is(err, artifact.ErrDigest) {
		return list{}, fmt.Errorf("%w: %w", errList, err)
	}
	if err != nil {
		return list{}, err
	}
	return readList(data)
}

func readList(data []byte) (list, error) {
	var l list
	if err := json.Unmarshal(data, &l); err != nil {
		return list{}, fmt.Errorf("%w: %w", errList, err)
	}
	if l.Format < 1 || l.Format > listFormat {
		return list{}, fmt.Errorf("%w: format %d, this program reads 1 to %d", errList, l.Format, listFormat)
	}
	entries := l.Snapshots
	if l.Seed != nil {
		entries = append(slices.Clone(entries), *l.Seed)
	}
	for _, e := range entries {
		if digest, err := hex.DecodeString(e.Stage); err != nil || len(digest) != 32 || e.Offset < 0 || l.Origin < 0 {
			return list{}, fmt.Errorf("%w: an entry makes no sense", errList)
		}
	}
	slices.SortStableFunc(l.Snapshots, func(a, b entry) int { return cmp.Compare(b.Offset, a.Offset) })
	return l, nil
}

func (s shelf) write(ctx context.Context, partition int32, l list) error {
	l.Format = listFormat
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	return s.store.PutNamed(ctx, s.key(partition), data)
}

// add puts a snapshot on the list as it stands now, whoever has written it, and takes away what is too many.
func (s shelf) add(ctx context.Context, partition int32, e entry) error {
	l, err := s.read(ctx, partition)
	if err != nil && !errors.Is(err, artifact.ErrNotFound) && !errors.Is(err, errList) {
		return err
	}
	if err != nil {
		l = list{Origin: e.Offset} // what was before can be had from the snapshot alone
	}
	if e.Offset < l.Origin {
		return nil // the stream was begun anew meanwhile
	}
	l.Snapshots = slices.DeleteFunc(l.Snapshots, func(x entry) bool { return x.Offset == e.Offset && x.Stage == e.Stage })
	l.Snapshots = append(l.Snapshots, e)
	slices.SortStableFunc(l.Snapshots, func(a, b entry) int { return cmp.Compare(b.Offset, a.Offset) })
	var gone []entry
	own, others := 0, 0
	l.Snapshots = slices.DeleteFunc(l.Snapshots, func(x entry) bool {
		n, most := &own, keepOwn
		if x.Stage != e.Stage {
			n, most = &others, keepOthers
		}
		if *n++; *n > most {
			gone = append(gone, x)
			return true
		}
		return false
	})
	if err := s.write(ctx, partition, l); err != nil {
		return err
	}
	return s.remove(ctx, gone, l)
}

// remove takes the objects of entries away that are on no list any more. The same bytes are one object.
func (s shelf) remove(ctx context.Context, gone []entry, l list) error {
	var errs []error
	for _, e := range gone {
		kept := func(x entry) bool { return x.Object.Key == e.Object.Key }
		if !slices.ContainsFunc(l.Snapshots, kept) && (l.Seed == nil || !kept(*l.Seed)) {
			errs = append(errs, s.store.Remove(ctx, e.Object))
		}
	}
	return errors.Join(errs...)
}

// begin starts a list anew: a stream begins at origin.
func (s shelf) begin(ctx context.Context, partition int32, origin int64) (list, error) {
	l, err := s.read(ctx, partition)
	if err != nil && !errors.Is(err, artifact.ErrNotFound) && !errors.Is(err, errList) {
		return list{}, err
	}
	gone := l.Snapshots
	l = list{Origin: origin, Seed: l.Seed}
	if err := s.write(ctx, partition, l); err != nil {
		return list{}, err
	}
	return l, s.remove(ctx, gone, l)
}
