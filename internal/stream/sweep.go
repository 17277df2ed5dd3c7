package stream

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// init should leave nothing open: the coordinator aborts the predecessor's transaction in all
// its partitions. Apache Kafka 4.4.0 was seen to leave one out whose records came in just before
// the broker died: it wrote the end of the transaction to the group's offsets, and none to the
// output. Such records hide everything behind them from readers of committed records. Worse,
// the next commit of the same producer in that partition would commit them, too: results
// twice, since their records were scored again. So what is still open is looked for, and an
// aborted transaction of our own there ends it the right way.

// sweep ends what earlier transactions of the id have left open where the sink writes. Others
// may have transactions open in the same partitions; they move on, and are not touched by it.
func (s *producer) sweep(ctx context.Context) error {
	admin, err := kafka.NewAdminClientFromProducer(s.p)
	if err != nil {
		return err
	}
	defer admin.Close()
	hidden, err := s.hidden(ctx, admin)
	if err != nil || len(hidden) == 0 {
		return err
	}
	s.Logger.Warn("records of an earlier transaction are still open behind its end; aborting them", slog.String("where", fmt.Sprint(hidden)),
		slog.String("do", "nothing: they were not committed, and are not repeated"))
	if err := s.begin(); err != nil {
		return err
	}
	sent := s.mark(ctx, hidden)
	if err := s.again(ctx, func(ctx context.Context) error { return s.p.AbortTransaction(ctx) }); err != nil {
		return err
	}
	return sent
}

// mark puts a record that nobody will see into each of some partitions.
func (s *producer) mark(ctx context.Context, places []ground) error {
	for _, at := range places {
		m := kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &at.topic, Partition: at.partition}}
		if err := s.p.Produce(&m, nil); err != nil {
			return err
		}
	}
	for s.p.Flush(100) > 0 {
		if ctx.Err() != nil {
			return fmt.Errorf("records that end a transaction are not acknowledged: %w", ctx.Err())
		}
		if f := s.failure.Load(); f != nil {
			return f.err
		}
	}
	return nil
}

// looks of hidden: a transaction in hand, of whoever shares a partition, takes milliseconds.
const (
	hiddenLooks = 3
	hiddenPause = 30 * time.Millisecond
)

// hidden answers where the sink writes and a transaction stands open.
func (s *producer) hidden(ctx context.Context, admin *kafka.AdminClient) ([]ground, error) {
	places, at := s.written(), map[ground]int64{}
	for look := range hiddenLooks {
		if look > 0 {
			time.Sleep(hiddenPause)
		}
		found, err := standings(ctx, admin, places)
		if err != nil {
			return nil, fmt.Errorf("look for open transactions: %w", err)
		}
		places = places[:0]
		for _, it := range found {
			stood, seen := at[it.ground]
			if it.stable < it.end && (!seen || stood == it.stable) {
				places, at[it.ground] = append(places, it.ground), it.stable
			}
		}
		if len(places) == 0 {
			break
		}
	}
	return places, nil
}

// written are the partitions that records of the partitions owned may go to.
func (s *producer) written() (places []ground) {
	for to, n := range s.sizes {
		topic := *s.topic(destination(to))
		if destination(to) >= toForward { // by the records' new keys
			for p := range n {
				places = append(places, ground{topic, p})
			}
			continue
		}
		seen := map[int32]bool{}
		for _, p := range s.Partitions {
			if n > 0 && !seen[p%n] {
				seen[p%n] = true
				places = append(places, ground{topic, p % n})
			}
		}
	}
	return places
}
