package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"temporal-streaming/internal/stream"
	"temporal-streaming/pipelines"
)

// listen reads the predictions.
func (t *town) listen(ctx context.Context) error {
	d, err := pipelines.Load(t.pipeline)
	if err != nil {
		return err
	}
	r, err := stream.NewReader(ctx, t.kafka, d.Sink.Topic, stream.StartEarliest())
	if err != nil {
		return err
	}
	ctx, t.reading = context.WithCancel(ctx)
	t.read = make(chan error, 1)
	go func() {
		defer r.Close() // nothing is lost: a reader commits nothing
		for {
			rec, err := r.Next(ctx)
			if err != nil {
				t.read <- err
				return
			}
			t.note(rec.Value)
		}
	}()
	return nil
}

func (t *town) note(value []byte) {
	partition, offset, id, ok := named(value)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := t.seen[partition]
	for int64(len(seen)) <= offset {
		seen = append(seen, 0)
	}
	seen[offset]++
	t.seen[partition] = seen
	t.total++
	t.last = time.Now()
	if t.visit != nil {
		t.visit(id, t.last)
	}
}

// named finds quickly which record a prediction is of: decoding everything would take the reader's time from the measured.
func named(value []byte) (partition int32, offset, id int64, ok bool) {
	number := func(name string) (int64, bool) {
		_, rest, found := bytes.Cut(value, []byte(name))
		end := 0
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		n, err := strconv.ParseInt(string(rest[:end]), 10, 64)
		return n, found && err == nil
	}
	p, ok1 := number(`"partition":`)
	offset, ok2 := number(`"offset":`)
	id, ok3 := number(`"id":"`)
	return int32(p), offset, id, ok1 && ok2 && ok3
}

// await waits until so many predictions were seen, and answers when the last was.
func (t *town) await(ctx context.Context, n int64, within time.Duration) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		t.mu.Lock()
		total, last := t.total, t.last
		t.mu.Unlock()
		if total >= n {
			return last, nil
		}
		select {
		case err := <-t.read:
			return last, fmt.Errorf("read predictions: %w", err)
		case <-t.worker.exited:
			return last, t.worker.failure()
		case <-ctx.Done():
			return last, fmt.Errorf("%d of %d predictions came: %w; the worker said:\n%s", total, n, ctx.Err(), t.worker.said)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// exact fails if a record has no prediction, or more than one.
func (t *town) exact(n int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	once, more := int64(0), int64(0)
	for _, seen := range t.seen {
		for _, times := range seen {
			switch {
			case times == 1:
				once++
			case times > 1:
				more++
			}
		}
	}
	if once != n || more > 0 {
		return fmt.Errorf("the stream broke its promise: of %d payments %d have one prediction, %d more than one", n, once, more)
	}
	return nil
}
