package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// pendingAfter is how long the committed offsets may take to be read. A broker answers at
// once, or says that a transaction is about to move them; and init has ended our
// predecessor's.
const pendingAfter = 6 * time.Second

// readOffsets reads the committed offsets.
//
// cleared tells that pending ones were dropped: their results may stand nevertheless.
func (s *session) readOffsets(ctx context.Context) (marks []mark, cleared bool, err error) {
	read := func(ctx context.Context) (err error) {
		marks, err = s.src.committed(ctx)
		return err
	}
	hang := false
	if s.cleared { // and that makes this the second reading
		hang, err = inTime(ctx, read)
	} else {
		s.cleared, hang, err = s.pastPending(ctx, s.snk.clear, read)
		s.cleared = s.cleared || errors.Is(err, errSettled)
	}
	if !hang {
		return marks, s.cleared, err
	}
	// The coordinator itself has lost track (behind.go): chaos saw it call offsets pending for
	// which its log held the end of every transaction. Whoever might still commit is fenced: our
	// id by init, those of other divisions because they were retired. And an answer that is too
	// old is not believed.
	s.Logger.Warn("the group's coordinator takes transactions for open that have ended; going on at what it says is committed",
		slog.String("group", s.Group), slog.String("do", "restart the broker that coordinates the group when it suits"))
	marks, err = s.src.unstable(ctx)
	return marks, true, err
}

// pastPending reads offsets. If that takes too long, the group may hold offsets of a
// transaction that is over: they came to the group's coordinator too late, or their end was
// lost on the way when the broker died, or the coordinator has not read it (behind.go), and
// nobody would ever end them. They count for nothing, since the transaction that they belong
// to has ended without them; the end of any transaction of the same id clears them away. Then
// the offsets are read once more; hang tells that this took too long again.
func (o *Options) pastPending(ctx context.Context, clearing, read func(context.Context) error) (cleared, hang bool, err error) {
	if hang, err = inTime(ctx, read); !hang || ctx.Err() != nil {
		return false, false, err
	}
	o.Logger.Warn("the group's offsets cannot be read although our transactions have ended; clearing what they may have left pending",
		slog.String("group", o.Group), slog.Any("error", err))
	if err := clearing(ctx); err != nil {
		return false, false, fmt.Errorf("clear pending offsets: %w", err)
	}
	hang, err = inTime(ctx, read)
	return true, hang, err
}

// inTime reads offsets, for as long as that may take; hang tells that it was not long enough.
func inTime(ctx context.Context, read func(context.Context) error) (hang bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, pendingAfter)
	defer cancel()
	err = read(ctx)
	return err != nil && ctx.Err() != nil, err
}

// unstable asks as a reader does who does not mind open transactions.
func (s *consumer) unstable(ctx context.Context) ([]mark, error) {
	c, err := kafka.NewConsumer(s.Kafka.client("temporal-streaming-"+s.Pipeline, kafka.ConfigMap{
		"group.id":               s.Group,
		"enable.auto.commit":     false,
		"isolation.level":        "read_uncommitted",
		"go.logs.channel.enable": true,
	}))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	go discardLogs(c.Logs())
	return committed(ctx, c, s.parts)
}

func (s *producer) clear(ctx context.Context) error {
	if s.Delivery != ExactlyOnce {
		return nil
	}
	return s.asOwner(ctx, func(by *producer) error { return by.drop(ctx) })
}

// drop runs a transaction with nothing but offsets, and aborts it.
func (s *producer) drop(ctx context.Context) error {
	if err := s.begin(); err != nil {
		return err
	}
	group, err := s.from.c.GetConsumerGroupMetadata()
	if err != nil {
		return err
	}
	parts := make([]kafka.TopicPartition, len(s.from.parts))
	for i, p := range s.from.parts {
		parts[i] = kafka.TopicPartition{Topic: p.Topic, Partition: p.Partition, Offset: 0} // never to be seen
	}
	sent := s.again(ctx, func(ctx context.Context) error { return s.p.SendOffsetsToTransaction(ctx, parts, group) })
	return errors.Join(sent, s.again(ctx, func(ctx context.Context) error { return s.p.AbortTransaction(ctx) }))
}
