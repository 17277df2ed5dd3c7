package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Three troubles do not show in what a loop does. A transaction of anybody that hangs in a
// partition of the output keeps every later prediction from readers of committed records,
// while the loop goes on. And the client may cease to fetch one partition of several, as after
// the death of a broker (librdkafka's issues 4492 and 5153), while the loop goes on with the
// others, and sees no end that it is behind. And a loop that had nothing to do when it was cut
// off from its brokers still has nothing to do, as far as it knows. So the brokers are asked where
// the partitions stand, past the client's own idea of it; and how many the input has, since a client
// that was told which to read never hears of others.

// ground is a partition of any topic.
type ground struct {
	topic     string
	partition int32
}

func (g ground) String() string { return fmt.Sprintf("%s[%d]", g.topic, g.partition) }

// standing is where a partition stands.
type standing struct {
	ground
	stable int64 // the last stable offset: readers of committed records see what is before it
	end    int64
}

// glance is what a look has come to.
type glance struct {
	found []standing
	err   error // the brokers did not say
}

const (
	lookEvery     = 10 * time.Second
	withheldLooks = 9                 // a stable offset that stands for longer than a transaction may last (60 s) is no transaction in hand
	seizedLooks   = 4                 // and one of these is longer than any broker's change of roles
	blindLooks    = 4                 // likewise, without an answer
	blindTime     = 2 * answerTimeout // and they have taken so long: a refusal comes at once, and may be gone a moment later

	soonKnown = 500 * time.Millisecond // who leads, by any broker that can be reached: whoever ends the session waits for that
)

// lookOut asks until ctx is done.
func (s *producer) lookOut(ctx context.Context) {
	defer close(s.ended)
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
		found, err := look(ctx, admin, s.watched())
		s.looked(glance{found, err})
		if err != nil {
			continue
		}
		if n, err := partitions(admin, s.Topic, int(answerTimeout.Milliseconds())); err == nil {
			s.count(n)
		}
	}
}

// watched are the partitions owned, and those of the output that the loop writes.
func (s *producer) watched() (places []ground) {
	for _, p := range s.Partitions {
		places = append(places, ground{s.Topic, p})
		if n := s.sizes[toOutput]; n > 0 {
			places = append(places, ground{s.Output, p % n})
		}
	}
	return places
}

// look asks the brokers where partitions stand. A client that does nothing else goes by the leaders that it was told of once, for five minutes
// or more, and a question that went to the wrong one, or named an earlier epoch, makes it none the wiser (librdkafka 2.15.0). So it is then
// made to ask who leads, for the next look.
func look(ctx context.Context, admin *kafka.AdminClient, places []ground) ([]standing, error) {
	found, err := standings(ctx, admin, places)
	if err == nil {
		return found, nil
	}
	asked := map[string]bool{}
	for _, at := range places {
		if !asked[at.topic] && ctx.Err() == nil {
			asked[at.topic] = true
			_, again := partitionsHeardOf(admin, at.topic, int(soonKnown.Milliseconds()))
			err = errors.Join(err, again)
		}
	}
	return nil, err
}

// standings is one such question.
func standings(ctx context.Context, admin *kafka.AdminClient, places []ground) ([]standing, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	asked := map[kafka.TopicPartition]kafka.OffsetSpec{}
	for _, at := range places {
		asked[kafka.TopicPartition{Topic: &at.topic, Partition: at.partition}] = kafka.LatestOffsetSpec
	}
	found := map[ground]*standing{}
	// The stable offset first: an end that is asked for before it may lie below it.
	for _, level := range []kafka.IsolationLevel{kafka.IsolationLevelReadCommitted, kafka.IsolationLevelReadUncommitted} {
		answer, err := admin.ListOffsets(ctx, asked, kafka.SetAdminIsolationLevel(level), kafka.SetAdminRequestTimeout(answerTimeout))
		if err != nil {
			return nil, err
		}
		for at, info := range answer.ResultInfos {
			if info.Error.Code() != kafka.ErrNoError {
				return nil, fmt.Errorf("%s[%d]: %w", *at.Topic, at.Partition, info.Error)
			}
			key := ground{*at.Topic, at.Partition}
			if level == kafka.IsolationLevelReadCommitted {
				found[key] = &standing{ground: key, stable: int64(info.Offset)}
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
	withheld map[ground]*still // of stable offsets
	seized   map[ground]*still // of the client's positions in the partitions owned
	read     *statistics       // by which those were looked at last
	blind    int               // looks in a row that were not answered, while nothing was committed
	since    time.Time         // when the first of them was
	commits  int64             // before it
}

// still counts for how many looks an offset has stood.
type still struct {
	at    int64
	looks int
}

// stands notes an offset that should move, and answers for how many looks it has not.
func stands(of map[ground]*still, key ground, at int64, should bool) int {
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

// glanced takes a look into account. Some that fail in a row, while nothing is committed either,
// end the session: whoever watches the loop then sees that it is not where it could do anything.
func (l *Loop) glanced(g glance) error {
	o := &l.health.lookout
	if g.err == nil {
		o.blind = 0
		return l.stand(g.found)
	}
	l.Logger.Debug("look where partitions stand", "error", g.err)
	if o.blind == 0 || o.commits != l.counts.Commits {
		o.blind, o.since, o.commits = 0, l.Now(), l.counts.Commits
	}
	passed := elapsed(o.since, l.Now())
	if o.blind++; o.blind < blindLooks || passed < blindTime {
		return nil
	}
	o.blind = 0
	return fmt.Errorf("for %s no broker has said where the partitions stand: %w", min(passed, time.Hour).Round(time.Second), g.err)
}

// stand takes what was found into account. It fails when the client has seized up over a partition,
// which ends the session.
func (l *Loop) stand(found []standing) error {
	o := &l.health.lookout
	var withheld []string
	for _, s := range found {
		if stands(o.withheld, s.ground, s.stable, s.stable < s.end) >= withheldLooks {
			withheld = append(withheld, fmt.Sprintf("%s stands at %d of %d", s.ground, s.stable, s.end))
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
	if reading == l.health.lookout.read {
		return nil // the client has not said anything new
	}
	l.health.lookout.read = reading
	for _, s := range found {
		if s.topic != l.Topic {
			continue
		}
		next, queued := reading.position(s.topic, s.partition)
		if stands(l.health.lookout.seized, s.ground, next, next < s.stable && queued == 0) < seizedLooks {
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
