// Package stream is the Kafka loop: it polls input records, has them scored, and
// emits predictions, dead letters and input offsets in one Kafka transaction.
//
// What a Loop guarantees with exactly-once delivery, for any reader that reads
// committed records only:
//
//   - Every input record, from the first committed offset on, leads to its
//     predictions or to a dead letter exactly once, whatever is killed, frozen or
//     restarted, and whenever.
//   - A record never stops the stream. What cannot be scored, makes the processor
//     panic, or is refused by the broker for its size goes to the dead-letter topic.
//   - A loop that another one has fenced emits nothing more. It goes on only if its
//     owner says that it still holds the partitions.
//   - A committed offset that the broker no longer has ends the loop with
//     ErrOffsetLost. Nothing is skipped in silence.
//   - Kafka being away never ends the loop. It tries again, and says so in Progress.
//
// With at-least-once delivery the offsets are committed after the predictions have
// been acknowledged, so a crash repeats predictions (with the same ids) but loses none.
//
// Partitions are assigned by the caller and nobody else: the group id only names where
// offsets are kept. The one fence between two owners of a partition is therefore the
// transactional id, see TransactionalID.
//
//	loop, err := stream.NewLoop(stream.Options{
//		Kafka:      stream.Kafka{Brokers: "localhost:19092"},
//		Pipeline:   "creditcard",
//		Topic:      "hello-fraud",
//		Partitions: []int32{0, 1, 2, 3},
//		Output:     "hello-predictions",
//		Logger:     slog.Default(),
//	}, engine)
//	...
//	checkpoint, err := loop.Run(ctx) // until ctx is done: then it drains and returns
//
// A reader of the source starts at loop.go (the life of a loop), then session.go (one
// pair of clients), emit.go (results), commit.go (which overlaps with scoring), then
// wire.go, which is all that the loop knows of Kafka, with consumer.go and producer.go
// behind it, and package crossing behind those.
package stream
