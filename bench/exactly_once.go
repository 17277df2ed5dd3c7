package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// killOptions are the flags of exactly-once.
type killOptions struct {
	streamFlags
	records int64
	rate    float64
	kills   int
}

func (b *bench) killOptions(args []string) (o killOptions, err error) {
	flags := flag.NewFlagSet("bench exactly-once", flag.ContinueOnError)
	o.register(flags, b.environ, "of the messages and of the moments of the kills")
	flags.Int64Var(&o.records, "records", 200_000, "messages that are sent")
	flags.Float64Var(&o.rate, "rate", 4000, "messages per second")
	flags.IntVar(&o.kills, "kills", 5, "how often the worker is killed")
	if err := b.parse(flags, args); err != nil {
		return o, err
	}
	if o.records < 1 || o.rate <= 0 || o.kills < 0 || o.partitions < 1 {
		return o, fmt.Errorf("%w: records, rate and partitions must be positive", errUsage)
	}
	return o, nil
}

// moments are when the worker is killed, counted from the first message: one in each of
// as many equal slices of the time of sending, at random within the first four fifths of
// it, so that what follows a kill can be told from what follows the next.
func (o killOptions) moments() []time.Duration {
	random := rand.New(rand.NewPCG(o.seed, 0x6b696c6c))
	slice := float64(o.records) / o.rate / float64(max(1, o.kills))
	out := make([]time.Duration, o.kills)
	for i := range out {
		out[i] = time.Duration((float64(i) + .8*random.Float64()) * slice * float64(time.Second))
	}
	return out
}

// exactlyOnce sends at a steady rate while the worker is killed and started again, and
// then holds the output against a ledger. A message that is lost or repeated fails it.
func (b *bench) exactlyOnce(ctx context.Context, args []string) error {
	o, err := b.killOptions(args)
	if err != nil {
		return err
	}
	before := load()
	s, err := b.open(ctx, o.servers)
	topics := []string{s.topicIn, s.output, s.output + ".dlq"}
	defer func() { s.close(topics...) }()
	if err != nil {
		return err
	}
	m, err := newMessages(o.seed)
	if err != nil {
		return err
	}
	l, err := s.live(ctx, o.partitions, o.shards)
	if err != nil {
		return err
	}
	defer func() { l.abandon() }()
	r, err := s.read(s.output, readCommitted, true)
	if err != nil {
		return err
	}
	reading, stopReading := context.WithCancel(ctx)
	arrivals := make(chan arrived, 1)
	go func() { arrivals <- follow(reading, r) }()

	kills, successors, err := l.underKills(ctx, o, m)
	if err == nil {
		err = l.complete(ctx)
	}
	stopReading()
	seen := <-arrivals
	r.close()
	if err = errors.Join(err, seen.err); err != nil {
		return err
	}
	if err := l.stop(ctx); err != nil {
		return err
	}
	ledger := newLedger(m, o.records)
	b.say("auditing the output")
	if err := s.audit(ctx, ledger, s.output); err != nil {
		return err
	}
	written, err := s.records(ctx, s.output, readUncommitted)
	if err != nil {
		return err
	}
	dead, err := s.records(ctx, s.output+".dlq", readCommitted)
	if err != nil {
		return err
	}
	c := ledger.count()
	out := &report{bench: "exactly-once", settings: slices.Concat(settings{
		{"records", o.records}, {"rate", o.rate}, {"kills", o.kills}, {"signal", "SIGKILL, started again at once"}, {"seed", o.seed},
		{"message_bytes", m.bytes()}, {"partitions", o.partitions}, {"shards", len(l.plan.Shards)}, {"model", l.plan.Model.Name + "@" + l.plan.Model.Version},
		{"reader", string(readCommitted)},
	}, b.kafkaVersions(s.given), b.machine(before))}
	reportKills(out, c, kills, successors, seen.at)
	out.add("dead_letters", float64(dead), "records")
	out.add("aborted", float64(written-ledger.records), "records") // written by workers that were killed, and never seen
	if err := b.print(out, o.json); err != nil {
		return err
	}
	if !c.exact() || dead > 0 {
		return fmt.Errorf("the stream broke its promise: %v, %d dead letters", c, dead)
	}
	return nil
}
