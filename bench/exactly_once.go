package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
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
	return b.try(ctx, o.streamFlags, true, func(ctx context.Context, t *trial) error {
		killed, err := t.underKills(ctx, o)
		if err != nil {
			return err
		}
		v, err := t.judge(ctx, o.records)
		if err != nil {
			return err
		}
		out := &report{bench: "exactly-once", settings: t.settings(
			setting{"records", o.records}, setting{"rate", o.rate}, setting{"kills", o.kills},
			setting{"signal", "SIGKILL, started again at once"}, setting{"reader", string(readCommitted)},
		)}
		killed.report(out, t.out, t.plan.Partitions())
		v.report(out)
		return errors.Join(b.print(out, o.json), v.broken())
	})
}
