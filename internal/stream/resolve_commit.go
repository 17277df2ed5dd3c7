package stream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// transactionTimeout is how long the broker waits for a resolver that was killed.
const transactionTimeout = 30 * time.Second

// resolving is the producer of a resolver that has taken over.
type resolving struct {
	p *kafka.Producer
}

// take makes the producer, ends the rights of all resolvers before it, and aborts what
// they have left open.
func (r Resolver) take(ctx context.Context) (*resolving, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	p, _, err := claim(ctx, r.Kafka.client("temporal-streaming-resolver", kafka.ConfigMap{
		"transactional.id":                   r.transactionalID(),
		"transaction.timeout.ms":             int(transactionTimeout.Milliseconds()),
		"message.max.bytes":                  largestRecord,
		"retry.backoff.ms":                   2,
		"linger.ms":                          5,
		"socket.connection.setup.timeout.ms": 5000,
		"go.produce.channel.size":            1,
		"go.logs.channel.enable":             true,
	}), func(kafka.LogEvent) {})
	if err != nil {
		return nil, err
	}
	go discardEvents(p.Events()) // deliveries are reported to channels of their own
	return &resolving{p: p}, nil
}

func (w *resolving) close() {
	// Only what was not committed can still be queued.
	_ = w.p.Purge(kafka.PurgeQueue | kafka.PurgeInFlight | kafka.PurgeNonBlocking)
	w.p.Close()
}

// resolve commits one transaction with the resolutions of a batch and, of a retry, the
// records. The records go first, so that the resolutions can say where they stand.
func (w *resolving) resolve(ctx context.Context, r Resolver, action Action, batch []dead) ([]Resolution, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	if err := w.p.BeginTransaction(); err != nil {
		return nil, r.failed("begin", err)
	}
	resolutions, err := w.produce(ctx, r, action, batch)
	if err == nil {
		if r.beforeCommit != nil {
			r.beforeCommit()
		}
		err = w.commit(ctx)
	}
	if err != nil {
		if fatal := w.p.GetFatalError(); fatal != nil {
			err = fatal
		}
		aborting, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Patience)
		defer cancel()
		return nil, errors.Join(r.failed("commit", err), w.abort(aborting, err))
	}
	return resolutions, nil
}

func (w *resolving) produce(ctx context.Context, r Resolver, action Action, batch []dead) ([]Resolution, error) {
	resolutions, now := make([]Resolution, len(batch)), r.Now()
	for i, d := range batch {
		resolutions[i] = Resolution{
			Action: action, Letter: d.letter.At, Source: d.letter.Source, Pipeline: r.Pipeline, By: r.By, Why: r.Why,
			ResolvedAt: now.UTC().Truncate(time.Millisecond),
		}
	}
	if action == Retry {
		revived := make([]kafka.Message, len(batch))
		for i, d := range batch {
			revived[i] = kafka.Message{
				TopicPartition: kafka.TopicPartition{Topic: &r.Topic, Partition: d.letter.Source.Partition},
				Key:            d.key, Value: d.value,
				Headers: []kafka.Header{{Key: HeaderRetryOf, Value: []byte(r.DeadLetters + "/" + d.letter.At.String())}},
			}
			if at, err := time.Parse(time.RFC3339, d.letter.Source.Timestamp); err == nil {
				revived[i].Timestamp = at
			}
		}
		at, err := w.send(ctx, revived)
		if err != nil {
			return nil, err
		}
		for i, d := range batch {
			digest := sha256.Sum256(d.value)
			resolutions[i].Retried = &Retried{Topic: r.Topic, At: at[i], SHA256: hex.EncodeToString(digest[:]), Fixed: d.fixed}
		}
	}
	records := make([]kafka.Message, len(batch))
	for i, d := range batch {
		records[i] = kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &r.DeadLetters, Partition: d.letter.At.Partition},
			Key:            d.key, Value: []byte{},
		}
		for _, h := range resolutions[i].headers() {
			records[i].Headers = append(records[i].Headers, kafka.Header{Key: h.key, Value: h.value})
		}
	}
	at, err := w.send(ctx, records)
	for i := range at {
		resolutions[i].At = at[i]
	}
	return resolutions, err
}

// send produces records and waits until the broker has said where each stands.
func (w *resolving) send(ctx context.Context, records []kafka.Message) ([]Place, error) {
	reports := make(chan kafka.Event, len(records))
	for i := range records {
		records[i].Opaque = i
		if err := w.p.Produce(&records[i], reports); err != nil {
			return nil, err
		}
	}
	at := make([]Place, len(records))
	for range records {
		select {
		case e := <-reports:
			m, ok := e.(*kafka.Message)
			if !ok {
				return nil, fmt.Errorf("unexpected report of a delivery: %v", e)
			}
			if err := m.TopicPartition.Error; err != nil {
				return nil, fmt.Errorf("put %d bytes into %s: %w", len(m.Value), *m.TopicPartition.Topic, err)
			}
			at[m.Opaque.(int)] = Place{m.TopicPartition.Partition, int64(m.TopicPartition.Offset)}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return slices.Clip(at), nil
}

// commit repeats what the client says may be repeated, for as long as the broker keeps the
// transaction open.
func (w *resolving) commit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	for {
		err := w.p.CommitTransaction(ctx)
		if err == nil || !retryable(err) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ErrUndecided, err)
		}
	}
}

// abort gives the transaction up. If that fails, too, the next resolver does it.
func (w *resolving) abort(ctx context.Context, why error) error {
	if fenced(why) {
		return nil
	}
	_ = w.p.Purge(kafka.PurgeQueue | kafka.PurgeInFlight | kafka.PurgeNonBlocking)
	if err := w.p.AbortTransaction(ctx); err != nil && !fenced(err) {
		return fmt.Errorf("abort: %w", err)
	}
	return nil
}
