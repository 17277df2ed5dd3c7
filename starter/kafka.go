package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/connect"
	"temporal-streaming/internal/stream"
)

// tail reads a topic; *stream.Reader is one.
type tail interface {
	Next(ctx context.Context) (stream.Record, error)
	Close() error
}

// sender produces to a topic; *stream.Sender is one.
type sender interface {
	Send(ctx context.Context, key, value []byte) error
	Sent() stream.Sent
	Close(ctx context.Context) (stream.Sent, error)
}

// brokers is what commands ask of Kafka besides reading and producing.
type brokers struct {
	tail    func(ctx context.Context, k stream.Kafka, topic string, from stream.Start) (tail, error)
	send    func(ctx context.Context, o stream.SenderOptions) (sender, error)
	group   func(ctx context.Context, k stream.Kafka, group, topic string) ([]stream.GroupPosition, error)
	since   func(ctx context.Context, k stream.Kafka, topic string, at time.Time) ([]int64, error)
	letters func(ctx context.Context, k stream.Kafka, topic string, patience time.Duration) (*stream.DeadLetters, error)
	letter  func(ctx context.Context, k stream.Kafka, topic string, at stream.Place, patience time.Duration) (stream.Record, error)
	resolve func(ctx context.Context, r stream.Resolver, action stream.Action, places []stream.Place, fix stream.Fix) ([]stream.Resolved, error)
	follow  func(ctx context.Context, k stream.Kafka, book *stream.DeadLetters, group, output string, r stream.Resolution) (stream.Trace, error)
	ping    func(ctx context.Context, k stream.Kafka) (stream.Cluster, error)
	fence   func(ctx context.Context, k stream.Kafka, ids []string) error
}

func realBrokers() brokers {
	return brokers{
		tail: func(ctx context.Context, k stream.Kafka, topic string, from stream.Start) (tail, error) {
			return stream.NewReader(ctx, k, topic, from)
		},
		send: func(ctx context.Context, o stream.SenderOptions) (sender, error) { return stream.NewSender(ctx, o) },
		// Written out, so that each can be replaced in tests without the others.
		group: stream.Group, since: stream.Since,
		letters: stream.ReadDeadLetters, letter: stream.ReadLetter,
		resolve: func(ctx context.Context, r stream.Resolver, action stream.Action, places []stream.Place, fix stream.Fix) ([]stream.Resolved, error) {
			return r.Resolve(ctx, action, places, fix)
		},
		follow: func(ctx context.Context, k stream.Kafka, book *stream.DeadLetters, group, output string, r stream.Resolution) (stream.Trace, error) {
			return book.Follow(ctx, k, group, output, r)
		},
		ping: stream.Ping, fence: stream.Fence,
	}
}

func kafkaOf(cfg config.Config) stream.Kafka { return connect.Kafka(cfg.Kafka) }

// kafkaProblem says what to do about an error of Kafka's.
func kafkaProblem(cfg config.Config, pipeline string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, stream.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
		return fail(fmt.Errorf("no Kafka broker answers at %s", cfg.Kafka.Brokers),
			"Start the local stack with `make up`, or set KAFKA_BOOTSTRAP_SERVERS to your brokers.")
	case errors.Is(err, stream.ErrUnknownTopic):
		return fail(err, "`starter inference %s` makes the topics when it starts the stream; or make them with the partitions that you want.", pipeline)
	default:
		return fail(err, "`starter doctor` checks the brokers and the credentials.")
	}
}
