package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"time"
)

// latencyOptions are the flags of latency.
type latencyOptions struct {
	streamFlags
	rate   float64
	lasts  time.Duration
	warmup time.Duration
	linger time.Duration
}

func (b *bench) latencyOptions(args []string) (o latencyOptions, err error) {
	flags := flag.NewFlagSet("bench latency", flag.ContinueOnError)
	o.register(flags, b.environ, "of the messages")
	flags.Float64Var(&o.rate, "rate", 1000, "messages per second")
	seconds := flags.Float64("seconds", 30, "how long is measured")
	flags.DurationVar(&o.warmup, "warmup", 5*time.Second, "how long is sent before that")
	flags.DurationVar(&o.linger, "linger", 4*time.Millisecond, "of the producer: one request per message would saturate a broker")
	if err := b.parse(flags, args); err != nil {
		return o, err
	}
	o.lasts = time.Duration(*seconds * float64(time.Second))
	if o.rate <= 0 || o.lasts <= 0 || o.partitions < 1 || o.warmup < 0 {
		return o, fmt.Errorf("%w: rate, seconds and partitions must be positive", errUsage)
	}
	return o, nil
}

// latency measures the time from a message to its prediction.
//
// The generator is open: message n is due at a moment that was fixed beforehand, whether
// or not those before it were answered, and its latency counts from that moment. So a
// stall delays every message that falls into it, instead of hiding them (coordinated
// omission). It ends when a reader of committed records is handed the prediction.
func (b *bench) latency(ctx context.Context, args []string) error {
	o, err := b.latencyOptions(args)
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
	defer l.abandon()
	r, err := s.read(s.output, readCommitted, true)
	if err != nil {
		return err
	}
	defer r.close()
	processes := []*sampler{sampleProcess(l.worker.pid()), sample("the machine", machineTime)}
	b.say("sending %.0f messages a second for %v and %v", o.rate, o.warmup, o.lasts)
	g := newGenerator(o, m)
	sent := make(chan error, 1)
	go func() { sent <- g.send(ctx, s.kafka, s.topicIn) }()
	got, err := g.receive(ctx, r, sent, l.worker)
	for _, it := range processes {
		it.end()
	}
	if err != nil {
		return err
	}
	if err := l.stop(ctx); err != nil {
		return err
	}
	out := &report{bench: "latency", settings: slices.Concat(settings{
		{"rate", o.rate}, {"seconds", o.lasts.Seconds()}, {"warmup_seconds", o.warmup.Seconds()}, {"producer_linger_ms", millis(o.linger)},
		{"message_bytes", m.bytes()}, {"partitions", o.partitions}, {"shards", len(l.plan.Shards)}, {"model", l.plan.Model.Name + "@" + l.plan.Model.Version},
		{"from", "the moment a message was due"}, {"to", "its prediction at a read_committed reader"},
	}, b.kafkaVersions(s.given), b.machine(before))}
	got.report(out)
	for i, name := range []string{"worker_cpu", "machine_cpu"} {
		used, err := processes[i].between(g.due(g.first), g.due(g.total))
		if err != nil {
			return err
		}
		out.add(name, used.Seconds()/o.lasts.Seconds(), "cores")
	}
	return b.print(out, o.json)
}
