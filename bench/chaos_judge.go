package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/bench/internal/ledger"
)

// judge waits until everything that was sent is committed, ends the stream, and holds the
// output against the input and against the receipts in the workflow's history.
func (c *chaosRun) judge(ctx context.Context, n int64) (v outcome, err error) {
	b := c.site.bench
	b.say("all %s messages are sent; waiting for the last commit", thousands(fmt.Sprint(n)))
	partitions := c.plan.Partitions()
	ends, err := c.ends(c.plan.Topic, partitions)
	if err != nil {
		return v, err
	}
	waiting, cancel := context.WithTimeout(ctx, recovered)
	defer cancel()
	if _, err := c.watch(waiting, c.plan, ends, 100*time.Millisecond); err != nil {
		return v, err
	}
	receipts, err := c.receipts(ctx)
	if err != nil {
		return v, err
	}
	if err := c.command(ctx, "stop", pipelineName, "--reason", "the chaos is over"); err != nil {
		return v, err
	}
	if err := errors.Join(c.crew.deserted(), c.out.close()); err != nil {
		return v, err
	}
	b.say("auditing input and output")
	l := ledger.New(n, c.messages.key)
	l.KeepOrderWithinKeys()
	if err := c.place(ctx, l); err != nil {
		return v, err
	}
	if err := l.Models(c.versions[0], partitions, receipts); err != nil {
		return v, fmt.Errorf("the receipts of the swaps cannot all be true: %w", err)
	}
	if err := c.audit(ctx, l, c.plan.Output); err != nil {
		return v, err
	}
	written, err := c.records(ctx, c.plan.Output, readUncommitted)
	if err != nil {
		return v, err
	}
	if v.deadLetters, err = c.records(ctx, c.plan.DeadLetters, readCommitted); err != nil {
		return v, err
	}
	v.aborted = written - l.Records()
	v.Count, v.offences = l.Count(), l.Offences()
	return v, nil
}

// place reads the input, so that the ledger knows where each message stands.
func (c *chaosRun) place(ctx context.Context, l *ledger.Ledger) error {
	r, err := c.read(c.plan.Topic, readUncommitted, false)
	if err != nil {
		return err
	}
	defer r.close()
	var bad error
	err = r.each(ctx, func(m *kafka.Message) {
		n, err := messageNumber(m.Value)
		if err == nil {
			err = l.Place(n, m.TopicPartition.Partition, int64(m.TopicPartition.Offset))
		}
		if bad == nil {
			bad = err
		}
	})
	if left := l.Unplaced(); err == nil && bad == nil && left > 0 {
		bad = fmt.Errorf("%d messages that the broker acknowledged do not stand in the input", left)
	}
	return errors.Join(err, bad)
}
