package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Two troubles do not show in what a loop does. A transaction of anybody that hangs in a
// partition of the output keeps every later prediction from readers of committed records,
// while the loop goes on. And the client may cease to fetch one partition of several, as after
// the death of a broker (librdkafka's issues 4492 and 5153), while the loop goes on with the
// others, and sees no end that it is behind. So the brokers are asked where the partitions
// stand, past the client's own idea of it.

// standing is where a partition stands.
type standing struct {
	topic     string
	partition int32
	stable    int64 // the last stable offset: readers of committed records see what is before it
	end       int64
}

const (
	lookEvery     = 10 * time.Second
	withheldLooks = 9 // a stable offset that stands for longer than a transaction may last (60 s) is no transaction in hand
	seizedLooks   = 4 // and one of these is longer than any broker's change of roles
)

// lookOut asks until ctx is done. A look that fails is left out.
func (s *producer) lookOut(ctx context.Context) {
	defer close(s.looked)
	admin, err := kafka.NewAdminClientFromProducer(s.p)
	if err != nil {
		s.Logger.Debug("look where partitions stand", "error", err)
		return
	}
	defer admin.Close()
	ticker := time.NewTicker(s.lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		found, err := s.standings(ctx, admin)
		if err != nil {
			s.Logger.Debug("look where partitions stand", "error", err)
			continue
		}
		s.stood(found)
	}
}

// standings are those of the partitions owned and of those of the output that the loop writes.
func (s *producer) standings(ctx context.Context, admin *kafka.AdminClient) ([]standing, error) {
	ctx, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	asked := map[kafka.TopicPartition]kafka.OffsetSpec{}
	for _, p := range s.Partitions {
		asked[kafka.TopicPartition{Topic: &s.Topic, Partition: p}] = kafka.LatestOffsetSpec
		if n := s.sizes[toOutput]; n > 0 {
			asked[kafka.TopicPartition{Topic: &s.Output, Partition: p % n}] = kafka.LatestOffsetSpec
		}
	}
	type place struct {
		topic     string
		partition int32
	}
	found := map[place]*standing{}
	// The stable offset first: an end that is asked for before it may lie below it.
	for _, level := range []kafka.IsolationLevel{kafka.IsolationLevelReadCommitted, kafka.IsolationLevelReadUncommitted} {
		answer, err := admin.ListOffsets(ctx, asked, kafka.SetAdminIsolationLevel(level), kafka.SetAdminRequestTimeout(lookEvery))
		if err != nil {
			return nil, err
		}
		for at, info := range answer.ResultInfos {
			if info.Error.Code() != kafka.ErrNoError {
				return nil, fmt.Errorf("%s[%d]: %w", *at.Topic, at.Partition, info.Error)
			}
			key := place{*at.Topic, at.Partition}
			if level == kafka.IsolationLevelReadCommitted {
				found[key] = &standing{topic: key.topic, partition: key.partition, stable: int64(info.Offset)}
			} else if it := found[key]; it != nil {
				it.end = int64(info.Offset)
			}
		}
	}
	list := make([]standing, 0, len(found))
	for _, it := range found {
		list = append(list, *it)
	}
	return list, nil
}

// lookout is what a loop makes of the looks. It counts looks, and not time, so that clocks may
// step and brokers may be away.
type lookout struct {
	withheld map[string]*still // by partition of any topic, of its stable offset
	seized   map[int32]*still  // by partition owned, of the client's position
}

// still counts for how many looks an offset has stood.
type still struct {
	at    int64
	looks int
}

// stands notes an offset that should move, and answers for how many looks it has not.
func stands[K comparable](of map[K]*still, key K, at int64, should bool) int {
	it := of[key]
	if it == nil || it.at != at || !should {
		it = &still{at: at}
		of[key] = it
	}
	if should {
		it.looks++
	}
	return it.looks
}

// errWithheld is noted when readers of committed records do not get what there is.
var errWithheld = errors.New("a transaction hangs")

// stand takes a look into account. It fails when the client has seized up over a partition,
// which ends the session.
func (l *Loop) stand(found []standing) error {
	o := &l.health.lookout
	var withheld []string
	for _, s := range found {
		if stands(o.withheld, fmt.Sprintf("%s[%d]", s.topic, s.partition), s.stable, s.stable < s.end) >= withheldLooks {
			withheld = append(withheld, fmt.Sprintf("%s[%d] stands at %d of %d", s.topic, s.partition, s.stable, s.end))
		}
	}
	l.health.withheld = ""
	if len(withheld) > 0 {
		err := fmt.Errorf("%w: for %s readers of committed records have got nothing more of %s", errWithheld, withheldLooks*l.lookEvery, strings.Join(withheld, ", "))
		l.health.withheld = err.Error() + "; " + FaultWithheld.advice(l.Kafka)
		l.note(err)
	}
	return l.seized(found)
}

// seized tells of a partition that has records and of which the client fetches none.
func (l *Loop) seized(found []standing) error {
	reading := l.health.reading.Load()
	if reading == nil || l.orders.Paused || l.orders.PerSecond > 0 {
		clear(l.health.lookout.seized)
		return nil
	}
	for _, s := range found {
		if s.topic != l.Topic {
			continue
		}
		next, queued := reading.position(s.topic, s.partition)
		if stands(l.health.lookout.seized, s.partition, next, next < s.stable && queued == 0) < seizedLooks {
			continue
		}
		clear(l.health.lookout.seized)
		err := fmt.Errorf("%w: for %s the client has fetched nothing of partition %d, where it is at %d and records go on to %d",
			ErrStuck, seizedLooks*l.lookEvery, s.partition, next, s.stable)
		l.health.stuck = err.Error() + "; " + FaultStuck.advice(l.Kafka)
		return err
	}
	return nil
}

// position is the next offset to be fetched of a partition, -1 unknown, and how many of its
// records wait to be polled.
func (s *statistics) position(topic string, partition int32) (next, queued int64) {
	for _, p := range s.Topics[topic].Partitions {
		if p.Partition == partition {
			return max(-1, p.Next), p.Queued
		}
	}
	return -1, 0
}
