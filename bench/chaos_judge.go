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
	if err := c.command(ctx, "stop", c.o.pipeline, "--reason", "the chaos is over"); err != nil {
		return v, err
	}
	if err := errors.Join(c.crew.deserted(), c.out.close()); err != nil {
		return v, err
	}
	b.say("auditing input and output")
	l, err := c.ledger(ctx, n)
	if err != nil {
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
	if c.payments != nil {
		if v.replay, err = c.replay(ctx); err == nil {
			v.replay.retold = l.ReportedAgain()
		}
	}
	return v, err
}

// ledger knows where each of n messages stands, and what a first stage has made of it.
func (c *chaosRun) ledger(ctx context.Context, n int64) (*ledger.Ledger, error) {
	if c.payments == nil {
		l := ledger.New(n, c.cards.key)
		l.KeepOrderWithinKeys()
		return l, c.place(ctx, l)
	}
	l := ledger.NewOfPayments(n, c.payments.payment, len(c.plan.Partitions()))
	l.Reported(c.payments.told)
	if err := c.place(ctx, l); err != nil {
		return nil, err
	}
	return l, c.hand(ctx, l)
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
