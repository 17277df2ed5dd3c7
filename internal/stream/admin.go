package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// ErrUnreachable is returned by the calls of this file and of topics.go when no broker answers in time.
var ErrUnreachable = errors.New("kafka cannot be reached")

// ErrUnknownTopic is returned when a topic does not exist.
var ErrUnknownTopic = errors.New("topic does not exist")

// Cluster is what Ping learns.
type Cluster struct {
	Brokers []string       // host:port
	Topics  map[string]int // partitions of each topic that the user may see
}

// GroupPosition is where a group stands in one partition.
type GroupPosition struct {
	Partition  int32
	Committed  int64 // next to be read, -1 if nothing is committed
	First      int64 // the oldest offset that the broker has
	End        int64 // one after the newest
	Generation int64 // of the orders under which it was committed, -1 unknown
}

// Lag is how many offsets lie between the group and the end; without a committed
// offset it counts from the oldest record.
func (g GroupPosition) Lag() int64 { return g.End - max(g.Committed, g.First) }

// Ping asks the brokers who they are and which topics there are.
func Ping(ctx context.Context, k Kafka) (Cluster, error) {
	var c Cluster
	err := withAdmin(ctx, k, func(a *kafka.AdminClient) error {
		m, err := a.GetMetadata(nil, true, millis(ctx))
		if err != nil {
			return unreachable(err)
		}
		c.Topics = make(map[string]int, len(m.Topics))
		for name, t := range m.Topics {
			c.Topics[name] = len(t.Partitions)
		}
		for _, b := range m.Brokers {
			c.Brokers = append(c.Brokers, fmt.Sprintf("%s:%d", b.Host, b.Port))
		}
		return nil
	})
	if err != nil {
		return Cluster{}, fmt.Errorf("ping kafka %s: %w", k, err)
	}
	return c, nil
}

// Partitions answers how many partitions a topic has; ErrUnknownTopic if there is none.
func Partitions(ctx context.Context, k Kafka, topic string) (int, error) {
	n := 0
	err := withAdmin(ctx, k, func(a *kafka.AdminClient) (err error) {
		n, err = partitions(a, topic, millis(ctx))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("describe topic %s at %s: %w", topic, k, err)
	}
	return n, nil
}

// Group answers where a consumer group stands in every partition of a topic.
func Group(ctx context.Context, k Kafka, group, topic string) ([]GroupPosition, error) {
	c, err := kafka.NewConsumer(k.client("temporal-streaming-status", kafka.ConfigMap{
		"group.id":               group,
		"enable.auto.commit":     false,
		"go.logs.channel.enable": true,
	}))
	if err != nil {
		return nil, fmt.Errorf("describe group %s at %s: %w", group, k, err)
	}
	defer c.Close()
	go discardLogs(c.Logs())
	positions, err := groupPositions(ctx, c, topic)
	if err != nil {
		return nil, fmt.Errorf("describe group %s on %s at %s: %w", group, topic, k, err)
	}
	return positions, nil
}

func groupPositions(ctx context.Context, c *kafka.Consumer, topic string) ([]GroupPosition, error) {
	n, err := partitions(c, topic, millis(ctx))
	if err != nil {
		return nil, err
	}
	asked := make([]kafka.TopicPartition, n)
	for i := range asked {
		asked[i] = kafka.TopicPartition{Topic: &topic, Partition: int32(i)}
	}
	committed, err := committed(ctx, c, asked)
	if err != nil {
		return nil, unreachable(err)
	}
	first, end, err := bounds(ctx, c, asked, millis(ctx))
	if err != nil {
		return nil, unreachable(err)
	}
	positions := make([]GroupPosition, n)
	for i, m := range committed {
		positions[i] = GroupPosition{Partition: int32(i), Committed: m.next, First: first[i], End: end[i], Generation: m.Generation}
	}
	return positions, nil
}

// metadata is what consumers, producers and admin clients have in common.
type metadata interface {
	GetMetadata(topic *string, allTopics bool, timeoutMs int) (*kafka.Metadata, error)
}

// hearsay is how long a topic may be unknown before it is believed that there is none. A broker answers by what it has heard itself, and
// those that did not make the topic hear of it later, the more so the busier they are.
const hearsay = 2 * time.Second

func partitions(m metadata, topic string, timeoutMs int) (int, error) {
	patience := min(hearsay, time.Duration(timeoutMs)*time.Millisecond)
	for until := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		n, err := partitionsHeardOf(m, topic, timeoutMs)
		if !errors.Is(err, ErrUnknownTopic) || time.Now().After(until) {
			return n, err
		}
	}
}

// partitionsHeardOf answers what the broker knows that happens to be asked.
func partitionsHeardOf(m metadata, topic string, timeoutMs int) (int, error) {
	md, err := m.GetMetadata(&topic, false, timeoutMs)
	if err != nil {
		return 0, unreachable(err)
	}
	t := md.Topics[topic]
	switch t.Error.Code() {
	case kafka.ErrNoError:
		return len(t.Partitions), nil
	case kafka.ErrUnknownTopicOrPart, kafka.ErrUnknownTopic:
		return 0, fmt.Errorf("%s: %w", topic, ErrUnknownTopic)
	}
	return 0, fmt.Errorf("%s: %w", topic, t.Error)
}

func withAdmin(ctx context.Context, k Kafka, f func(*kafka.AdminClient) error) error {
	if err := k.Validate(); err != nil {
		return err
	}
	a, err := kafka.NewAdminClient(k.client("temporal-streaming-admin", kafka.ConfigMap{"go.logs.channel.enable": true}))
	if err != nil {
		return err
	}
	defer a.Close()
	go discardLogs(a.Logs())
	return f(a)
}

// bounds answers the first offset of each partition and the one behind its last, as far as a reader of the client's isolation level sees.
//
// The client's own call for that (QueryWatermarkOffsets) is not to be trusted while leaders change. It asks two questions at once; where
// the broker refuses the first, since it does not lead the partition yet, and answers the second, the call gives the end for both, and
// no error (librdkafka 2.15.0). All that the partition holds would seem to be deleted.
func bounds(ctx context.Context, c *kafka.Consumer, parts []kafka.TopicPartition, ms int) (first, end []int64, err error) {
	if first, err = offsetsAt(ctx, c, parts, int64(kafka.OffsetBeginning), ms); err != nil {
		return nil, nil, err
	}
	end, err = offsetsAt(ctx, c, parts, int64(kafka.OffsetEnd), ms)
	return first, end, err
}

// since answers the first offset of each partition whose record is no older than t; -1, which is kafka.OffsetEnd, where there is none.
func since(ctx context.Context, c *kafka.Consumer, parts []kafka.TopicPartition, t time.Time, ms int) ([]int64, error) {
	return offsetsAt(ctx, c, parts, max(0, t.UnixMilli()), ms) // those below have a meaning of their own
}

// offsetsAt asks for offsets by time, in milliseconds, or by kafka.OffsetBeginning or OffsetEnd, which the protocol takes for times. It
// asks again while a partition's leader changes, as it does right after its topic was made: the client then answers at once that it asked
// the wrong broker, or one that does not know yet where its log ends.
func offsetsAt(ctx context.Context, c *kafka.Consumer, parts []kafka.TopicPartition, at int64, ms int) ([]int64, error) {
	asked := slices.Clone(parts)
	for i := range asked {
		asked[i].Offset = kafka.Offset(at)
	}
	for until := time.Now().Add(time.Duration(ms) * time.Millisecond); ; {
		var found []int64
		answer, err := c.OffsetsForTimes(asked, max(1, int(time.Until(until).Milliseconds())))
		if err == nil {
			found, err = offsets(answer)
		}
		switch code(err) {
		case kafka.ErrNotLeaderForPartition, kafka.ErrLeaderNotAvailable, kafka.ErrOffsetNotAvailable, kafka.ErrFencedLeaderEpoch, kafka.ErrUnknownLeaderEpoch:
		default:
			return found, err
		}
		if time.Now().After(until) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// unreachable marks the client's ways to say that nobody answered.
func unreachable(err error) error {
	switch code(err) {
	case kafka.ErrTransport, kafka.ErrTimedOut, kafka.ErrAllBrokersDown, kafka.ErrResolve, kafka.ErrTimedOutQueue:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return err
}

// millis is the time left for a call: that of ctx, but never more than ten seconds.
func millis(ctx context.Context) int {
	left := 10 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(deadline))
	}
	return max(1, int(left.Milliseconds()))
}

func discardLogs(logs <-chan kafka.LogEvent) {
	for range logs {
	}
}

func discardEvents(events <-chan kafka.Event) {
	for range events {
	}
}
