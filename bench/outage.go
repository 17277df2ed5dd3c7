package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"time"
)

// outageOptions are the flags of outage.
type outageOptions struct {
	streamFlags
	rate    float64
	service string
	how     string
	lasts   time.Duration
}

func (b *bench) outageOptions(args []string) (o outageOptions, err error) {
	flags := flag.NewFlagSet("bench outage", flag.ContinueOnError)
	o.register(flags, b.environ, "of the messages")
	flags.Float64Var(&o.rate, "rate", 1000, "messages per second")
	flags.StringVar(&o.service, "service", "temporal", "which is away: temporal, s3, mlflow or kafka")
	flags.StringVar(&o.how, "how", "kill", "kill: SIGKILL, and started again later; stop: SIGTERM; freeze: SIGSTOP, and SIGCONT later")
	seconds := flags.Float64("seconds", 60, "for how long")
	if err := b.parse(flags, args); err != nil {
		return o, err
	}
	o.lasts = time.Duration(*seconds * float64(time.Second))
	names := make([]string, len(services))
	for i, s := range services {
		names[i] = s.name
	}
	if !slices.Contains(names, o.service) || !slices.Contains([]string{"kill", "stop", "freeze"}, o.how) || o.lasts <= 0 || o.rate <= 0 || o.partitions < 1 {
		return o, fmt.Errorf("%w: --service is one of %v, --how kill, stop or freeze, and seconds, rate and partitions are positive", errUsage, names)
	}
	if i := slices.Index(names, o.service); o.servers.address[i] != "" {
		return o, fmt.Errorf("%w: %s is yours (--%s, %s); only a service that this program starts can be taken away", errUsage, o.service, services[i].flag, services[i].variable)
	}
	return o, nil
}

// calmBefore is how long the output is watched undisturbed, so that the gap of an outage
// can be told from those that the machine makes.
const calmBefore = 10 * time.Second

// outage takes a service away under load, brings it back, and tells how long the output
// was silent meanwhile and afterwards.
func (b *bench) outage(ctx context.Context, args []string) error {
	o, err := b.outageOptions(args)
	if err != nil {
		return err
	}
	return b.try(ctx, o.streamFlags, true, func(ctx context.Context, t *trial) error {
		var a absence
		v, err := t.underTraffic(ctx, o.rate, func() (err error) {
			a, err = t.away(ctx, o)
			return err
		})
		if err != nil {
			return err
		}
		out := &report{bench: "outage", settings: t.settings(
			setting{"service", o.service}, setting{"how", o.how}, setting{"seconds", o.lasts.Seconds()}, setting{"rate", o.rate},
			setting{"gap", "the longest silence of a partition, at a read_committed reader"},
		)}
		a.report(out)
		v.report(out)
		return errors.Join(b.print(out, o.json), v.broken())
	})
}

// absence is what was seen around an outage.
type absence struct {
	before, during, after time.Duration // the longest silence that began then
	recovered             time.Duration // from the return until all that was due was answered
}

func (a absence) report(r *report) {
	r.add("gap_before_s", a.before.Seconds(), "s")
	r.add("gap_s", max(a.during, a.after).Seconds(), "s")
	r.add("gap_during_s", a.during.Seconds(), "s")
	r.add("gap_after_s", a.after.Seconds(), "s")
	r.add("caught_up_s", a.recovered.Seconds(), "s")
}

// away takes the service away and brings it back.
func (t *trial) away(ctx context.Context, o outageOptions) (a absence, err error) {
	partitions := t.plan.Partitions()
	begun := time.Now()
	if err := t.out.await(ctx, "the stream runs", recovered, func() bool { return t.out.caughtUp(partitions, begun) }); err != nil {
		return a, err
	}
	begun = time.Now()
	if err := sleep(ctx, calmBefore); err != nil {
		return a, err
	}
	take, give := t.devstack.StopNow, t.devstack.StartService
	switch o.how {
	case "stop":
		take = t.devstack.Stop
	case "freeze":
		take, give = t.devstack.Freeze, t.devstack.Thaw
	}
	gone := time.Now()
	t.bench.say("%s goes away (%s) for %v", o.service, o.how, o.lasts)
	if err := take(ctx, o.service); err != nil {
		return a, err
	}
	if err := errors.Join(sleep(ctx, time.Until(gone.Add(o.lasts))), give(context.WithoutCancel(ctx), o.service)); err != nil {
		return a, err
	}
	back := time.Now()
	t.bench.say("%s is back; waiting until everything is answered", o.service)
	if err := t.out.await(ctx, "the stream has caught up", recovered, func() bool { return t.out.caughtUp(partitions, back) }); err != nil {
		return a, fmt.Errorf("%w; the worker said:\n%s", err, t.worker.said)
	}
	a.recovered = time.Since(back)
	if err := sleep(ctx, calmBefore); err != nil { // what comes late counts, too
		return a, err
	}
	a.before = t.out.silence(partitions, begun, gone)
	a.during = t.out.silence(partitions, gone, back)
	a.after = t.out.silence(partitions, back, time.Now().Add(-time.Second))
	return a, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
