package main

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"temporal-streaming/internal/stream"
)

// batches sends what it is given together in one request, whatever partitions that goes to, as Java's producer does; in two, where there
// is so much that the first leaves before all is there. librdkafka sends one request for each partition, which of four partitions makes
// four requests every few milliseconds, and as many answers to the fetches of those who read: at 1,000 messages a second two thirds of
// all that the broker was asked.
//
// It waits for no answer before it sends more, and sends nothing twice.
type batches struct {
	client *kgo.Client
	free   sync.Pool // records that can be used again

	mu  sync.Mutex
	err error // the first
}

// record is one to be filled, with room for a key.
func (b *batches) record() *kgo.Record {
	if it, ok := b.free.Get().(*kgo.Record); ok {
		return it
	}
	return &kgo.Record{Key: make([]byte, 36)}
}

func newBatches(k stream.Kafka, topic string) (*batches, error) {
	reach, err := k.Reach("bench-generator")
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(reach.Options(),
		kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), // by murmur2 of the key
		kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(1_000_000),
		kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1000), kgo.RecordRetries(0),
	)...)
	if err != nil {
		return nil, err
	}
	return &batches{client: client}, nil
}

// send sends what belongs together, and takes the records.
func (b *batches) send(ctx context.Context, together []*kgo.Record) {
	for _, r := range together {
		b.client.TryProduce(ctx, r, b.sent)
	}
}

func (b *batches) sent(r *kgo.Record, err error) {
	if err != nil {
		b.mu.Lock()
		if b.err == nil {
			b.err = err
		}
		b.mu.Unlock()
	}
	*r = kgo.Record{Key: r.Key, Value: r.Value}
	b.free.Put(r)
}

// failure is why the first message that was not taken was not.
func (b *batches) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// flush waits until all is answered.
func (b *batches) flush(ctx context.Context) error {
	if err := b.client.Flush(ctx); err != nil {
		return err
	}
	return b.failure()
}
