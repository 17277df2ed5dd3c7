package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"temporal-streaming/bench/internal/ledger"
)

// trial is a stream that runs on topics of its own, by the real worker and workflow, with
// a reader of its output: what all benchmarks under a steady rate have in common.
type trial struct {
	*live
	flags    streamFlags
	messages *messages
	out      *follower // nil: the benchmark reads by itself
	before   conditions
}

// try makes a trial, hands it over and takes everything down again.
func (b *bench) try(ctx context.Context, o streamFlags, following bool, do func(context.Context, *trial) error) error {
	t := &trial{flags: o, before: conditionsNow()}
	s, err := b.open(ctx, o.servers)
	defer func() { s.close(s.topicIn, s.output, s.output+".dlq") }()
	if err != nil {
		return err
	}
	if t.messages, err = newMessages(o.seed); err != nil {
		return err
	}
	if t.live, err = s.live(ctx, o.partitions, o.shards); err != nil {
		return err
	}
	defer func() { t.abandon() }()
	if !following {
		return do(ctx, t)
	}
	if t.out, err = s.follow(ctx, s.output, nil); err != nil {
		return err
	}
	err = do(ctx, t)
	return errors.Join(err, t.out.close())
}

// settings are those of the benchmark, and behind them those of every trial.
func (t *trial) settings(own ...setting) settings {
	return slices.Concat(own, settings{
		{"message_bytes", t.messages.bytes()}, {"partitions", t.flags.partitions}, {"shards", len(t.plan.Shards)},
		{"model", t.plan.Model.Name + "@" + t.plan.Model.Version}, {"seed", t.flags.seed},
	}, t.bench.kafkaVersions(t.given), t.bench.machine(t.before))
}

// outcome is what became of the messages of a trial.
type outcome struct {
	ledger.Count
	offences    []ledger.Offence
	deadLetters int64
	aborted     int64     // records that were written and never seen
	replay      *replayed // of a stream with stages; else nil
}

func (v outcome) exact() bool {
	return v.Exact() && v.deadLetters == 0 && (v.replay == nil || v.replay.exact(v.Sent))
}

// underTraffic sends messages at a steady rate while something is done to the stream, and
// answers what became of them.
func (t *trial) underTraffic(ctx context.Context, rate float64, do func() error) (v outcome, err error) {
	sending, err := t.sendTo(t.topicIn, t.messages, rate, 0)
	if err != nil {
		return v, err
	}
	defer sending.close()
	if err := do(); err != nil {
		return v, err
	}
	n, err := sending.stop(ctx)
	if err != nil {
		return v, err
	}
	return t.judge(ctx, n)
}

// judge ends the stream and holds the output against the ledger of n messages.
func (t *trial) judge(ctx context.Context, n int64) (v outcome, err error) {
	if err := t.complete(ctx); err != nil {
		return v, err
	}
	if err := t.stop(ctx); err != nil {
		return v, err
	}
	t.bench.say("auditing the output")
	l := ledger.New(n, t.messages.key)
	if err := t.audit(ctx, l, t.output); err != nil {
		return v, err
	}
	written, err := t.records(ctx, t.output, readUncommitted)
	if err != nil {
		return v, err
	}
	v.aborted = written - l.Records()
	if v.deadLetters, err = t.records(ctx, t.output+".dlq", readCommitted); err != nil {
		return v, err
	}
	v.Count, v.offences = l.Count(), l.Offences()
	return v, nil
}

// report adds the counts to a benchmark's figures. What is not exact is an error.
func (v outcome) report(r *report) {
	r.add("messages", float64(v.Sent), "")
	r.add("lost", float64(v.Lost), "records")
	r.add("repeated", float64(v.Repeated), "records")
	r.add("out_of_order", float64(v.Reordered), "records")
	r.add("foreign", float64(v.Foreign+v.Malformed), "records")
	r.add("dead_letters", float64(v.deadLetters), "records")
	r.add("aborted", float64(v.aborted), "records") // written by workers that were killed, and never seen
}

// broken is the error of an outcome that is not exact.
func (v outcome) broken() error {
	if v.exact() {
		return nil
	}
	text := fmt.Sprintf("the stream broke its promise: %v, %d dead letters", v.Count, v.deadLetters)
	if v.replay != nil {
		text += fmt.Sprintf("\n  %v", *v.replay)
	}
	for _, o := range v.offences {
		text += "\n  " + o.String()
	}
	return errors.New(text)
}
