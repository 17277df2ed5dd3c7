package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"temporal-streaming/internal/stream"
)

// killOptions are the flags of exactly-once.
type killOptions struct {
	servers    serverFlags
	json       bool
	records    int64
	rate       float64
	kills      int
	partitions int
	shards     int
	seed       uint64
}

func (b *bench) killOptions(args []string) (o killOptions, err error) {
	flags := flag.NewFlagSet("bench exactly-once", flag.ContinueOnError)
	o.servers.register(flags, b.environ)
	flags.BoolVar(&o.json, "json", false, "one JSON object a line")
	flags.Int64Var(&o.records, "records", 200_000, "messages that are sent")
	flags.Float64Var(&o.rate, "rate", 4000, "messages per second")
	flags.IntVar(&o.kills, "kills", 5, "how often the worker is killed")
	flags.IntVar(&o.partitions, "partitions", 4, "of the input topic, and of the output topic")
	flags.IntVar(&o.shards, "shards", 0, "loops that share the partitions (default: the pipeline's)")
	flags.Uint64Var(&o.seed, "seed", 1, "of the messages and of the moments of the kills")
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
		{"message_bytes", m.bytes()}, {"partitions", o.partitions}, {"shards", l.plan.Shards}, {"model", l.plan.Model.Name + "@" + l.plan.Model.Version},
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

// underKills sends all messages and kills the worker on the way. It returns the moments
// of the kills, and who came after each.
func (l *live) underKills(ctx context.Context, o killOptions, m *messages) (kills []time.Time, successors []*child, err error) {
	l.bench.say("sending %s messages at %.0f a second", thousands(fmt.Sprint(o.records)), o.rate)
	sent := make(chan error, 1)
	begun := time.Now()
	go func() { sent <- sendAll(ctx, l.kafka, l.topicIn, m, o) }()
	for i, after := range o.moments() {
		select {
		case <-time.After(time.Until(begun.Add(after))):
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		kills = append(kills, time.Now())
		if err := l.worker.kill(); err != nil {
			return nil, nil, err
		}
		if l.worker, err = l.start(); err != nil {
			return nil, nil, err
		}
		successors = append(successors, l.worker)
		l.bench.say("  kill -9 number %d, %.1f s after the first message", i+1, after.Seconds())
	}
	return kills, successors, <-sent
}

func sendAll(ctx context.Context, k stream.Kafka, topic string, m *messages, o killOptions) error {
	sender, err := stream.NewSender(ctx, stream.SenderOptions{Kafka: k, Topic: topic, Rate: o.rate})
	if err != nil {
		return err
	}
	key, value := make([]byte, 36), []byte(nil)
	for n := range o.records {
		m.key(key, n)
		value = m.value(value[:0], n)
		if err := sender.Send(ctx, key, value); err != nil {
			return err
		}
	}
	_, err = sender.Close(ctx)
	return err
}

// complete waits until every message's offset is committed.
func (l *live) complete(ctx context.Context) error {
	l.bench.say("all sent; waiting for the last commit")
	ends, err := l.ends(l.topicIn, l.plan.Partitions)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if _, err = l.watch(ctx, l.plan, ends, 100*time.Millisecond); err != nil {
		return fmt.Errorf("%w; the worker said:\n%s", err, l.worker.said)
	}
	return nil
}

// arrived is when committed predictions became visible, to the millisecond.
type arrived struct {
	at  []time.Time
	err error
}

func follow(ctx context.Context, r *reader) (a arrived) {
	for ctx.Err() == nil {
		m, err := r.next()
		if err != nil {
			a.err = fmt.Errorf("follow the output: %w", err)
			return a
		}
		if now := time.Now(); m != nil && (len(a.at) == 0 || now.Sub(a.at[len(a.at)-1]) > time.Millisecond) {
			a.at = append(a.at, now)
		}
	}
	return a
}

func reportKills(r *report, c count, kills []time.Time, successors []*child, arrivals []time.Time) {
	r.add("lost", float64(c.lost), "records")
	r.add("repeated", float64(c.repeated), "records")
	r.add("out_of_order", float64(c.reordered), "records")
	r.add("foreign", float64(c.foreign+c.malformed), "records")
	worst := time.Duration(0)
	for i, kill := range kills {
		until := arrivals[len(arrivals)-1]
		if i+1 < len(kills) {
			until = kills[i+1]
		}
		gap := gapAfter(kill, until, arrivals)
		worst = max(worst, gap)
		number := setting{"kill", i + 1}
		r.add("gap_s", gap.Seconds(), "s", number)
		select {
		case at := <-successors[i].running:
			r.add("until_loop_runs_s", at.Sub(kill).Seconds(), "s", number)
		default: // it was killed before that
		}
	}
	if len(kills) > 0 {
		r.add("worst_gap_s", worst.Seconds(), "s")
	}
}

// gapAfter is the longest silence in the committed output that a kill, or what came of
// it before until, began; it counts from the kill on.
func gapAfter(kill, until time.Time, arrivals []time.Time) time.Duration {
	last, longest := kill, time.Duration(0)
	for _, at := range arrivals {
		if at.Before(kill) {
			continue
		}
		if last.After(until) {
			break
		}
		longest = max(longest, at.Sub(last))
		last = at
	}
	return longest
}
