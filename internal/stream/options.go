package stream

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"
)

// Delivery says what a reader of the output may rely on.
type Delivery string

const (
	ExactlyOnce Delivery = "exactly-once"  // the default
	AtLeastOnce Delivery = "at-least-once" // lower latency; a crash repeats predictions, under the same ids
)

// SinkKind says where predictions go.
type SinkKind string

const (
	SinkKafka   SinkKind = "kafka"   // the default
	SinkConsole SinkKind = "console" // printed, one a line, after the offsets are committed
)

// Options configure a Loop. Required: Kafka, Pipeline, Topic, Partitions and, for the
// Kafka sink, Output. The rest has a useful zero value.
type Options struct {
	Kafka      Kafka
	Pipeline   string
	Stage      int     // 0 for the first
	Group      string  // where offsets are kept; default GroupID(Pipeline)
	Topic      string  // input
	Partitions []int32 // of the input, owned by this loop alone

	Output      string   // topic of predictions; an input partition p goes to output partition p mod their number
	DeadLetters string   // default Topic + ".dlq"
	Forward     []string // topics that results of score.KindForward go to; Result.To is a place among them
	Repeatable  bool     // what it hands on may be handed on again: labels, of which every stage takes the first
	Delivery    Delivery
	Stood       []Position // offsets that are known to be committed: an older answer of the broker is not believed
	Start       Start      // used only for partitions where the group has committed nothing
	Added       int32      // partitions from this number on are younger than the stream, and begin with their first record; 0: none
	Sink        SinkKind
	Console     io.Writer // of the console sink

	// CommitInterval is how long a record may wait, under load, for the commit of its
	// transaction to begin (default 25 ms). A loop that has caught up commits at once, or, where
	// a commit had many records, so long after that one's beginning (100 ms at most), and
	// sooner where commits take less than 12.5 ms, in proportion; where brokers have the second version of transactions,
	// two and a half times as long after the beginning of the last commit as that one took, and this or 100 ms at most. One
	// that is behind stretches it so that commits take no more than a quarter of its time.
	CommitInterval time.Duration
	MaxBatch       int // records that are scored together (default 4096)
	MaxBatchBytes  int // and their bytes (default 16 MiB); one record is always let through
	// PrefetchBytes bounds the records that wait in memory to be scored (default 64 MiB,
	// for each loop), and SendBytes those that wait to be acknowledged (default 256 MiB; in
	// transactions of the second version hardly more than 2 MiB but for what one batch makes).
	PrefetchBytes int
	SendBytes     int
	// PublicCalls lets records cross into the client library one by one, by its public calls,
	// instead of in batches by package crossing. It costs about twice as much processor time.
	PublicCalls bool
	// ClientCommits leaves transactions to the client library, which has their first version only. Else package transact writes them,
	// as Kafka has them since 4.0: where the brokers do, records cross in batches, and delivery to Kafka is exactly once.
	ClientCommits bool
	// TransactionTimeout is after how long the broker aborts what a dead loop has left open
	// (default 60 s). It must be longer than a broker restart, or the restart costs a
	// transaction. A successor never waits for it, since it aborts that transaction by its id.
	TransactionTimeout time.Duration

	// History keeps what the processor knows of the records before, which must be an Absorber
	// then; nil: it knows nothing of them.
	History History

	// Abreast is called before records of a backlog are scored, and returns when what was written
	// before now to a topic that belongs beside this one has been handed on, or with an error
	// when its ctx is done; nil: there is no such topic.
	Abreast func(ctx context.Context) error

	// Model and ModelVersion say who scores; Progress repeats them.
	Model, ModelVersion string
	// Orders are those to begin with. Their processor and model are the ones given otherwise.
	Orders Orders

	// StillOwner is asked when the loop was fenced, which has two causes: a successor has
	// started, or the broker gave up on a transaction. If it answers false, or is nil, Run
	// returns ErrFenced; if true, the loop starts over. Nothing is emitted meanwhile.
	StillOwner func(context.Context) bool

	// Progress is called from the goroutine of Run, at least every ProgressInterval
	// (default 1 s), also when the topic is idle or Kafka is away. It must not block.
	// Its argument's slices are the callee's to keep.
	Progress         func(Progress)
	ProgressInterval time.Duration

	Logger *slog.Logger     // default: discards
	Now    func() time.Time // default: time.Now

	lookEvery  time.Duration // see lookOut; shorter in tests
	slowCommit time.Duration // see spacing; shorter in tests
}

// GroupID is the consumer group under which a pipeline's offsets are kept.
func GroupID(pipeline string) string { return "temporal-streaming." + pipeline }

func (o Options) withDefaults() Options {
	def := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	def(&o.Group, GroupID(o.Pipeline))
	def(&o.DeadLetters, o.Topic+".dlq")
	def((*string)(&o.Delivery), string(ExactlyOnce))
	def((*string)(&o.Sink), string(SinkKafka))
	for _, n := range []struct {
		v *int
		d int
	}{{&o.MaxBatch, 4096}, {&o.MaxBatchBytes, 16 << 20}, {&o.PrefetchBytes, 64 << 20}, {&o.SendBytes, 256 << 20}} {
		if *n.v <= 0 {
			*n.v = n.d
		}
	}
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&o.CommitInterval, 25 * time.Millisecond}, {&o.TransactionTimeout, time.Minute}, {&o.ProgressInterval, time.Second}, {&o.lookEvery, lookEvery}, {&o.slowCommit, slowCommit}} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	o.Partitions = slices.Clone(o.Partitions)
	slices.Sort(o.Partitions)
	return o
}

func (o Options) validate() error {
	if err := o.Kafka.Validate(); err != nil {
		return err
	}
	if err := o.Orders.validate(); err != nil {
		return err
	}
	switch {
	case o.Pipeline == "":
		return fmt.Errorf("no pipeline named")
	case o.Topic == "":
		return fmt.Errorf("no input topic given")
	case len(o.Partitions) == 0:
		return fmt.Errorf("no input partitions given")
	case o.Partitions[0] < 0:
		return fmt.Errorf("input partition %d is negative", o.Partitions[0])
	case len(slices.Compact(slices.Clone(o.Partitions))) != len(o.Partitions):
		return fmt.Errorf("input partitions %v name one twice", o.Partitions)
	case o.Sink == SinkKafka && o.Output == "":
		return fmt.Errorf("no output topic given; the kafka sink needs one")
	case o.Sink == SinkConsole && o.Console == nil:
		return fmt.Errorf("no writer given; the console sink needs one")
	case o.Sink != SinkKafka && o.Sink != SinkConsole:
		return fmt.Errorf("sink %q is unknown; use kafka or console", o.Sink)
	case o.History != nil && o.Delivery != ExactlyOnce:
		return fmt.Errorf("delivery %q of a stream whose features have a history; use exactly-once: what is repeated would be counted twice", o.Delivery)
	case o.Delivery != ExactlyOnce && o.Delivery != AtLeastOnce:
		return fmt.Errorf("delivery %q is unknown; use exactly-once or at-least-once", o.Delivery)
	case o.Output == o.Topic || o.DeadLetters == o.Topic || slices.Contains(o.Forward, o.Topic):
		return fmt.Errorf("topic %s is both read and written; the stream would feed itself", o.Topic)
	}
	return nil
}
