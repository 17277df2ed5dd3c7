package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// A broker that may not acknowledge, since fewer copies are in sync than min.insync.replicas asks for, tells
// the client, which tries again until its time is over; nor can the coordinator end a transaction there. The loop
// hears of neither, only that no answer came, and would send people to look whether Kafka runs. It does. So where
// time has run out, the loop asks those brokers that answer for partitions that may not be written.

// errReplicas joins what failed while partitions that are written lack copies in sync.
var errReplicas = errors.New("too few replicas in sync")

// replicaPatience is for a question to a broker that lives. Where none does, it passes once.
const replicaPatience = 500 * time.Millisecond

// lacking adds what is known of partitions that may not be written to an error that says only that time is over, or that what
// was left open is not aborted yet.
func lacking(err error, link source) error {
	if fault := faultOf(err); err == nil || fault != FaultUnreachable && fault != FaultUnacknowledged && !errors.Is(err, errRefused) {
		return err
	}
	c, ok := link.(interface{ lacking() []string })
	if !ok {
		return err
	}
	if short := c.lacking(); len(short) > 0 {
		return fmt.Errorf("%w: %s: %w", errReplicas, strings.Join(short, ", "), err)
	}
	return err
}

// Kafka's own topics, which commits write to. Whoever may not describe them learns of the others only.
const (
	transactionTopic = "__transaction_state"
	offsetTopic      = "__consumer_offsets"
)

// lacking lists partitions that may not be written, or have no leader.
func (s *consumer) lacking() (short []string) {
	topics := append([]string{s.DeadLetters, transactionTopic, offsetTopic}, s.Forward...)
	if s.Sink == SinkKafka {
		topics = append([]string{s.Output}, topics...)
	}
	for _, topic := range topics {
		if topic == "" {
			continue
		}
		md, err := s.c.GetMetadata(&topic, false, int(replicaPatience.Milliseconds()))
		if err != nil {
			return short // nobody answers: that is another trouble
		}
		if of := s.lackingOf(topic, md.Topics[topic].Partitions); len(of) > 3 {
			short = append(short, of[0], fmt.Sprintf("and %d more of %s", len(of)-1, topic))
		} else {
			short = append(short, of...)
		}
	}
	return short
}

func (s *consumer) lackingOf(topic string, all []kafka.PartitionMetadata) (short []string) {
	thin := func(p kafka.PartitionMetadata) bool { return p.Leader < 0 || len(p.Isrs) < len(p.Replicas) }
	if !slices.ContainsFunc(all, thin) {
		return nil
	}
	least, known := s.leastInSync(topic)
	for _, p := range all {
		switch {
		case p.Leader < 0:
			short = append(short, fmt.Sprintf("%s[%d] has no leader", topic, p.ID))
		case known && len(p.Isrs) < least:
			short = append(short, fmt.Sprintf("%s[%d] has %d of %d replicas in sync, and %d must be", topic, p.ID, len(p.Isrs), len(p.Replicas), least))
		case !known && thin(p):
			short = append(short, fmt.Sprintf("%s[%d] has %d of %d replicas in sync", topic, p.ID, len(p.Isrs), len(p.Replicas)))
		}
	}
	return short
}

// leastInSync is a topic's min.insync.replicas. Not every user may ask for it.
func (s *consumer) leastInSync(topic string) (least int, known bool) {
	ctx, cancel := context.WithTimeout(context.Background(), replicaPatience)
	defer cancel()
	a, err := kafka.NewAdminClientFromConsumer(s.c)
	if err != nil {
		return 0, false
	}
	defer a.Close()
	answers, err := a.DescribeConfigs(ctx, []kafka.ConfigResource{{Type: kafka.ResourceTopic, Name: topic}})
	if err != nil || len(answers) != 1 || answers[0].Error.Code() != kafka.ErrNoError {
		return 0, false
	}
	least, err = strconv.Atoi(answers[0].Config["min.insync.replicas"].Value)
	return least, err == nil
}
