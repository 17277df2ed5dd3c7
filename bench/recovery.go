package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// recoveryOptions are the flags of recovery.
type recoveryOptions struct {
	streamFlags
	rate      float64
	kills     int
	takeovers int
	pause     time.Duration
	warmup    time.Duration
}

func (b *bench) recoveryOptions(args []string) (o recoveryOptions, err error) {
	flags := flag.NewFlagSet("bench recovery", flag.ContinueOnError)
	o.register(flags, b.environ, "of the messages and of the pauses between the kills")
	flags.Float64Var(&o.rate, "rate", 1000, "messages per second")
	flags.IntVar(&o.kills, "kills", 100, "how often the worker is killed and started again at once")
	flags.IntVar(&o.takeovers, "takeovers", 20, "how often one of two workers is killed for good")
	flags.DurationVar(&o.pause, "pause", 3*time.Second, "of undisturbed output between two kills, on average")
	flags.DurationVar(&o.warmup, "warmup", 15*time.Second, "how long is sent before the first kill, at least: until the compilers of a broker that was started for this rest")
	if err := b.parse(flags, args); err != nil {
		return o, err
	}
	if o.rate <= 0 || o.partitions < 1 || o.kills < 0 || o.takeovers < 0 || o.kills+o.takeovers == 0 || o.pause < 0 || o.warmup < 0 {
		return o, fmt.Errorf("%w: rate, partitions and kills or takeovers must be positive, pause and warmup not negative", errUsage)
	}
	return o, nil
}

// recovery measures how long the output is silent when a worker dies.
//
// A gap runs from the kill to the first committed prediction that a worker made after it,
// as a read_committed reader sees it, and it ends when every partition that the dead
// worker had has one: so it is the gap of the partition that waited longest.
func (b *bench) recovery(ctx context.Context, args []string) error {
	o, err := b.recoveryOptions(args)
	if err != nil {
		return err
	}
	return b.try(ctx, o.streamFlags, true, func(ctx context.Context, t *trial) error {
		d := &deaths{trial: t, o: o, random: rand.New(rand.NewPCG(o.seed, 0x6465617468))}
		defer d.abandon()
		var warm time.Duration
		v, err := t.underTraffic(ctx, o.rate, func() error {
			began := time.Now()
			<-t.warmed(ctx, o.warmup)
			warm = time.Since(began)
			if err := d.restarts(ctx); err != nil {
				return err
			}
			return d.takeovers(ctx)
		})
		if err != nil {
			return err
		}
		out := &report{bench: "recovery", settings: t.settings(
			setting{"rate", o.rate}, setting{"kills", o.kills}, setting{"takeovers", o.takeovers}, setting{"warmup_seconds", math.Round(warm.Seconds())}, setting{"signal", "SIGKILL"},
			setting{"from", "the kill"}, setting{"to", "output that was scored after it, in every partition of the dead worker, at a read_committed reader"},
		)}
		reportGaps(out, "", "kill", d.restarted)
		reportGaps(out, "takeover_", "takeover", d.taken)
		v.report(out)
		return errors.Join(b.print(out, o.json), v.broken())
	})
}

// reportGaps adds the quantiles, and each gap.
func reportGaps(r *report, prefix, each string, gaps []time.Duration) {
	if len(gaps) == 0 {
		return
	}
	sorted := slices.Sorted(slices.Values(gaps))
	r.add(prefix+"p50_s", quantile(sorted, .50).Seconds(), "s")
	r.add(prefix+"p95_s", quantile(sorted, .95).Seconds(), "s")
	r.add(prefix+"max_s", sorted[len(sorted)-1].Seconds(), "s")
	for i, gap := range gaps {
		r.add(prefix+"gap_s", gap.Seconds(), "s", setting{each, i + 1})
	}
}
