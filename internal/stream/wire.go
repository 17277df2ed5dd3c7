package stream

import (
	"context"
	"errors"
	"time"

	"temporal-streaming/internal/record"
)

// wire is the seam between the loop and Kafka. It exists twice: over the client library
// (client.go, consumer.go, producer.go) and, for the transcripts under testdata, over a broker in memory. A link
// lives once: after an error of one of its calls only abort and close may follow.
type wire interface {
	// dial makes a pair of clients. It does not wait for a broker.
	dial(limits limits) (source, sink, error)
	// overlaps tells whether the source may be polled while the sink commits.
	overlaps() bool
}

// limits are what a session learned the hard way; zero values mean no limit.
type limits struct {
	recordBytes int // the broker refused records above this
}

// source is the reading half of a link.
type source interface {
	// committed answers the group's offset of every partition owned, with its note. Offsets
	// of transactions that are still open make it wait.
	committed(ctx context.Context) ([]mark, error)
	// unstable answers the same without regard to open transactions.
	unstable(ctx context.Context) ([]mark, error)
	// results answers where the committed results of every partition owned end, from up to most
	// records of each end of the topics that they go to. from are the offsets that the group has committed.
	results(ctx context.Context, from []int64, most int64) ([]lastResult, error)
	// holds tells whether the record of a last result is still there.
	holds(ctx context.Context, partition int32, last lastResult) (bool, error)
	// bounds answers the first offset of every partition owned, and the one after its last.
	bounds(ctx context.Context) (first, end []int64, err error)
	// since answers the first offset whose timestamp is at or after t, or the end.
	since(ctx context.Context, t time.Time) ([]int64, error)
	// assign starts to fetch every partition owned from its offset.
	assign(offsets []int64) error
	// poll appends what has been fetched, at most max records and about maxBytes, and waits
	// for the first of them at most wait. Key and Value are valid until the next poll.
	// Three things might happen: records; none in time; an error that ends the session.
	// Trouble that the client mends by itself goes to the link's notes instead.
	poll(in []record.Message, max, maxBytes int, wait time.Duration) ([]record.Message, error)
	// end is the end of a partition's log as of the last fetch, -1 unknown. No request.
	end(partition int32) int64
	close()
}

// sink is the writing half of a link.
type sink interface {
	// init takes over from whoever used the transactional id before, and aborts what that
	// one has left open.
	init(ctx context.Context) error
	// leftovers aborts what earlier transactions of the id have left open in output and dead
	// letters behind their end, and answers the first offset of each partition owned whose
	// result went with it. It comes after init and before begin.
	leftovers(ctx context.Context) (gone map[int32]int64, err error)
	// unhide aborts what earlier transactions of the id have left open where a stage writes. It comes after init and before begin.
	unhide(ctx context.Context) error
	begin() error
	// send hands records over. They are copied, or on their way, when it returns.
	send(ctx context.Context, records []outgoing) error
	// commit makes the records sent since begin, and the offsets, visible at once. next
	// holds the next offset of every partition owned, notes the metadata to keep with it.
	commit(ctx context.Context, next []int64, notes []string) error
	// abort gives up what was sent since begin, as well as it can.
	abort(ctx context.Context)
	// clear drops offsets that earlier transactions of the id have left pending in the group.
	clear(ctx context.Context) error
	close()
}

// substituted is a sink that may find, when it is to take over, that the brokers are not made for it. init answers errUnsuitable then, and has
// changed nothing.
type substituted interface{ instead() sink }

var errUnsuitable = errors.New("the brokers are not made for it")

// outgoing is one record to be produced.
type outgoing struct {
	to         destination
	partition  int32 // of the input, taken modulo the topic's partitions; of what is forwarded, the topic's own
	key, value []byte
	headers    []header
}

// destination is a topic that the loop writes to.
type destination uint8

const (
	toOutput destination = iota
	toDeadLetters
	toForward // the first of Options.Forward; the others follow
)

type header struct {
	key   string
	value []byte
}
