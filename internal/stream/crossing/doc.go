// Package crossing moves batches of Kafka records between Go and C in one call each.
//
// confluent-kafka-go crosses into C once per record, in both directions, and makes garbage
// for each; together that is about half of what a loop that scores nothing costs. This
// package borrows the C handle of one of its clients, and polls or produces a whole batch
// in one crossing, without garbage. It links no librdkafka of its own: the functions are
// those of the library that confluent-kafka-go has linked.
//
// What it guarantees:
//
//   - It works, or says why not before the first record: NewPoller and NewSender answer
//     ErrUnsuitable if the client's fields, the library's version or its functions are not
//     those that it was made for. The caller then uses the client's own calls.
//   - Polled records point into the library's memory (zero copy) and stay valid until the
//     next Poll or Close. Errors that come between records are handed on in their place.
//   - Partitions that are new to a transaction are registered as soon as Send has handed its records over, by one request; the
//     client alone waits a millisecond for more. An Entry tells when the broker has let a transaction in. Both need calls of the
//     client to be handed to this package by the linker (--wrap); records cross without that, too.
//   - Sent records are copied before Send returns. They keep their order: the first one
//     that is refused ends the call, and Send says how many were taken.
//
// No Poller or Sender may be used by two goroutines at once, and all must be closed before the
// client is.
//
//	poller, err := crossing.NewPoller(consumer)
//	if err != nil { ... } // consumer.Poll it is
//	in, event, err := poller.Poll(in[:0], 4096, 16<<20, 100*time.Millisecond)
//
// drift_test.go fails when the version of confluent-kafka-go in go.mod, or the library that
// it links, is another than the one that was checked, and says what to check.
package crossing
