package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"time"
)

// latencyOptions are the flags of latency.
type latencyOptions struct {
	streamFlags
	pipeline string
	rate     float64
	lasts    time.Duration
	warmup   time.Duration
	linger   time.Duration
}

func (b *bench) latencyOptions(args []string) (o latencyOptions, err error) {
	flags := flag.NewFlagSet("bench latency", flag.ContinueOnError)
	o.register(flags, b.environ, "of the messages")
	flags.StringVar(&o.pipeline, "pipeline", pipelineName, "creditcard, or transactions: through both of its stages")
	flags.Float64Var(&o.rate, "rate", 1000, "messages per second")
	seconds := flags.Float64("seconds", 30, "how long is measured")
	flags.DurationVar(&o.warmup, "warmup", 15*time.Second, "how long is sent before that, at least: until the compilers of a broker that was started for this rest")
	flags.DurationVar(&o.linger, "linger", 4*time.Millisecond, "for which messages that fall due are gathered: one request per message would saturate a broker")
	if err := b.parse(flags, args); err != nil {
		return o, err
	}
	if o.pipeline != pipelineName {
		if err := refuse(flags, "--pipeline "+o.pipeline, "linger", "shards"); err != nil {
			return o, err
		}
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
	if o.pipeline != pipelineName {
		return b.latencyTown(ctx, o)
	}
	return b.try(ctx, o.streamFlags, false, func(ctx context.Context, t *trial) error { return t.latency(ctx, o) })
}

func (t *trial) latency(ctx context.Context, o latencyOptions) error {
	got, err := t.timed(ctx, o)
	if err != nil {
		return err
	}
	out := &report{bench: "latency", settings: t.settings(
		setting{"rate", o.rate}, setting{"seconds", o.lasts.Seconds()}, setting{"warmup_seconds", math.Round(got.warm.Seconds())},
		setting{"linger_ms", millis(o.linger)}, setting{"from", "the moment a message was due"},
		setting{"to", "its prediction at a read_committed reader"},
	)}
	got.report(out)
	out.add("worker_cpu", got.process, "cores")
	out.add("machine_cpu", got.machine, "cores")
	return t.bench.print(out, o.json)
}

// timed measures, and ends the stream.
func (t *trial) timed(ctx context.Context, o latencyOptions) (got latencies, err error) {
	r, err := t.read(t.output, readCommitted, true)
	if err != nil {
		return got, err
	}
	defer r.close()
	processes := []*sampler{sampleProcess(t.worker.pid()), sample("the machine", busy)}
	t.bench.say("sending %.0f messages a second, for %v and longer, and for %v", o.rate, o.warmup, o.lasts)
	g := newGenerator(o, t.messages, t.warmed(ctx, o.warmup, t.worker.pid()))
	sent := make(chan error, 1)
	go func() { sent <- g.send(ctx, t.kafka, t.topicIn) }()
	got, err = g.receive(ctx, r, sent, t.worker)
	for _, it := range processes {
		it.end()
	}
	if err != nil {
		return got, err
	}
	if err := t.stop(ctx); err != nil {
		return got, err
	}
	first, last := g.due(g.first.Load()), g.due(g.total.Load())
	got.warm = first.Sub(g.begin)
	for i, into := range []*float64{&got.process, &got.machine} {
		used, err := processes[i].between(first, last)
		if err != nil {
			return got, err
		}
		*into = used.Seconds() / o.lasts.Seconds()
	}
	return got, nil
}
