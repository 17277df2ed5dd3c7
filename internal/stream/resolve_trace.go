package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"temporal-streaming/internal/score"
)

// Trace says what became of a record that a retry has put into the input topic. One of
// Again and Predictions is set, or neither if nothing has become of it yet, or if it
// could not be found in time.
type Trace struct {
	Again       *DeadLetter        `json:"again,omitempty"`       // it died again; this is the new letter
	Predictions []score.Prediction `json:"predictions,omitempty"` // it was scored; one for each row
	Committed   int64              `json:"committed"`             // the stream's next offset in the partition, -1 none
	Partial     bool               `json:"partial,omitempty"`     // the output topic was not searched to its end
}

// Waiting reports that the stream has not come to the record yet.
func (t Trace) Waiting(r Retried) bool { return t.Committed <= r.At.Offset }

// Follow finds out what became of a retried record. It searches the output topic from the
// moment of the retry on, until ctx ends.
func (d *DeadLetters) Follow(ctx context.Context, k Kafka, group, output string, r Resolution) (Trace, error) {
	t := Trace{Committed: -1}
	if r.Retried == nil {
		return t, nil
	}
	if again := d.Again(*r.Retried); again != nil {
		letter := again.Letters[0]
		t.Again = &letter
	}
	positions, err := Group(ctx, k, group, r.Retried.Topic)
	if err != nil {
		return t, err
	}
	for _, p := range positions {
		if p.Partition == r.Retried.At.Partition {
			t.Committed = p.Committed
		}
	}
	if t.Again != nil || t.Waiting(*r.Retried) || output == "" {
		return t, nil
	}
	t.Predictions, err = predictionsOf(ctx, k, output, *r.Retried, r.ResolvedAt.Add(-clockSkew))
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnsettled) {
		t.Partial = true
		return t, nil
	}
	return t, err
}

// predictionsOf searches the partition of the output in which the record's predictions are.
func predictionsOf(ctx context.Context, k Kafka, output string, of Retried, since time.Time) ([]score.Prediction, error) {
	first, err := Since(ctx, k, output, since)
	if err != nil {
		return nil, err
	}
	partition := of.At.Partition % int32(len(first))
	r, err := idleReader(k, output)
	if err != nil {
		return nil, fmt.Errorf("read %s at %s: %w", output, k, err)
	}
	defer r.Close() // nothing is lost: a reader commits nothing
	ends, err := logEnds(ctx, k, output, len(first), 10*time.Second)
	if err != nil {
		return nil, err
	}
	var found []score.Prediction
	mark := fmt.Appendf(nil, `"offset":%d,`, of.At.Offset) // spares the decoding of most records
	err = r.between(ctx, map[int32]int64{partition: first[partition]}, ends, 10*time.Second, func(rec Record) error {
		if !bytes.Contains(rec.Value, mark) {
			return nil
		}
		p, err := score.DecodePrediction(rec.Value)
		if err == nil && p.Topic == of.Topic && p.Partition == of.At.Partition && p.Offset == of.At.Offset {
			found = append(found, p)
		}
		return nil
	})
	if errors.Is(err, ErrUnsettled) && len(found) > 0 {
		err = nil // what a transaction that is still open hides is of later records
	}
	return found, err
}

// ReadLetter reads the record of a dead letter, whole.
func ReadLetter(ctx context.Context, k Kafka, topic string, at Place, patience time.Duration) (Record, error) {
	var letter *Record
	if err := fetch(ctx, k, topic, []Place{at}, patience, func(r Record) { letter = &r }); err != nil {
		return Record{}, err
	}
	if letter == nil {
		return Record{}, fmt.Errorf("%s/%s: %w", topic, at, ErrNoLetter)
	}
	return *letter, nil
}
