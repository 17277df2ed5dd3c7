package stream

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// dead is a letter with its record, ready to be resolved.
type dead struct {
	letter     DeadLetter
	key, value []byte
	fixed      bool
}

// collect fetches the payloads of the first of the open letters, as many as go into one
// transaction, and has them fixed. It answers the letters that are left.
func (r Resolver) collect(ctx context.Context, action Action, open []DeadLetter, fix Fix, done *[]Resolved) (batch []dead, left []DeadLetter, err error) {
	n, size := 0, 0
	for n < len(open) && n < perTransaction && (n == 0 || size+open[n].ValueBytes <= perTransactionBytes) {
		size += open[n].ValueBytes
		n++
	}
	chosen := open[:n]
	records := map[Place]Record{}
	if err := r.fetch(ctx, r.DeadLetters, places(chosen), func(rec Record) { records[Place{rec.Partition, rec.Offset}] = rec }); err != nil {
		return nil, open, err
	}
	for _, l := range chosen {
		rec, found := records[l.At]
		if !found {
			*done = append(*done, Resolved{Letter: l, Err: fmt.Errorf("%s/%s: %w", r.DeadLetters, l.At, ErrNoLetter)})
			continue
		}
		d := dead{letter: l, key: rec.Key, value: rec.Value}
		if action == Retry {
			if err := r.revive(ctx, &d, fix); err != nil {
				if ctx.Err() != nil {
					return nil, open, err
				}
				*done = append(*done, Resolved{Letter: l, Err: fmt.Errorf("%s/%s: %w", r.DeadLetters, l.At, err)})
				continue
			}
		}
		batch = append(batch, d)
	}
	return batch, open[n:], nil
}

// revive makes the record that goes into the input again: whole, and fixed.
func (r Resolver) revive(ctx context.Context, d *dead, fix Fix) error {
	if d.letter.Truncated {
		whole := false
		source := Place{d.letter.Source.Partition, d.letter.Source.Offset}
		err := r.fetch(ctx, r.Topic, []Place{source}, func(rec Record) {
			if whole = isWhole(d.letter, *d, rec); whole {
				d.key, d.value = rec.Key, rec.Value
			}
		})
		if err != nil {
			return err
		}
		if !whole {
			return ErrTruncated
		}
	}
	if fix == nil {
		return nil
	}
	value, err := fix(ctx, d.letter, d.value)
	if err != nil {
		return err
	}
	d.fixed = !bytes.Equal(value, d.value) || (value == nil) != (d.value == nil)
	d.value = value
	return nil
}

// isWhole reports that rec is the record of which a cut letter has the beginning.
func isWhole(l DeadLetter, d dead, rec Record) bool {
	return l.KeyBytes == len(rec.Key) && l.ValueBytes == len(rec.Value) &&
		bytes.HasPrefix(rec.Key, d.key) && bytes.HasPrefix(rec.Value, d.value) &&
		(l.Source.Timestamp == "" || l.Source.Timestamp == rec.Timestamp.UTC().Format(stamp))
}

// fetch reads records at places of a topic; those that are not there any more are left out.
func (r Resolver) fetch(ctx context.Context, topic string, at []Place, visit func(Record)) error {
	return fetch(ctx, r.Kafka, topic, at, r.Patience, visit)
}

func fetch(ctx context.Context, k Kafka, topic string, at []Place, patience time.Duration, visit func(Record)) error {
	wanted, begin, last := map[Place]bool{}, map[int32]int64{}, int32(0)
	for _, p := range at {
		wanted[p] = true
		if first, ok := begin[p.Partition]; !ok || p.Offset < first {
			begin[p.Partition] = p.Offset
		}
		last = max(last, p.Partition)
	}
	ends := make([]int64, last+1)
	for _, p := range at {
		ends[p.Partition] = max(ends[p.Partition], p.Offset+1)
	}
	reader, err := idleReader(k, topic)
	if err != nil {
		return fmt.Errorf("read %s at %s: %w", topic, k, err)
	}
	defer reader.Close() // nothing is lost: a reader commits nothing
	return reader.between(ctx, begin, ends, patience, func(rec Record) error {
		if wanted[Place{rec.Partition, rec.Offset}] {
			visit(rec)
		}
		return nil
	})
}

func places(letters []DeadLetter) []Place {
	at := make([]Place, len(letters))
	for i, l := range letters {
		at[i] = l.At
	}
	return at
}
