package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"temporal-streaming/test/stack"
)

// faultDone is a fault that was done, and how long the output was silent.
type faultDone struct {
	kind  kind
	what  string
	alone bool          // no other fault or order at the same time
	quiet bool          // the stream was paused or held back by an order meanwhile: the gap is not the fault's
	gap   time.Duration // the longest silence of a partition that began between the fault and the recovery
}

// rage carries the schedule out, step by step, and leaves everything whole.
func (c *chaosRun) rage(ctx context.Context, begun time.Time) error {
	s := newSchedule(c.o.seed, c.o.kinds)
	if err := c.whole(ctx, begun, recovered); err != nil {
		return err
	}
	for number := 1; ; number++ {
		left := c.o.faults - len(c.done)
		if c.o.lasts > 0 {
			if left = 2; time.Since(begun) > c.o.lasts {
				left = 0
			}
		}
		if left <= 0 {
			return nil
		}
		st := s.next(left)
		if err := errors.Join(sleep(ctx, st.calm), c.out.failed()); err != nil {
			return err
		}
		if err := c.step(ctx, number, st); err != nil {
			return fmt.Errorf("step %d (%s): %w", number, join(slices.Concat(st.faults, st.orders)), err)
		}
	}
}

// step does the acts of a step at their times, and waits until the stream has recovered.
func (c *chaosRun) step(ctx context.Context, number int, st step) error {
	begun := time.Now()
	acts := slices.Concat(st.faults, st.orders)
	c.note("step %d: %s", number, join(acts))
	began, what, errs := make([]time.Time, len(acts)), make([]string, len(acts)), make([]error, len(acts))
	var all sync.WaitGroup
	for i, a := range acts {
		all.Go(func() {
			if errs[i] = sleep(ctx, time.Until(begun.Add(a.after))); errs[i] != nil {
				return
			}
			began[i] = time.Now()
			if i < len(st.faults) {
				what[i], errs[i] = c.strike(ctx, a)
			} else {
				what[i], errs[i] = c.give(ctx, a)
			}
			c.note("  %s ends after %.2f s: %s", a.kind, time.Since(began[i]).Seconds(), what[i])
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	ended := time.Now()
	if err := c.whole(ctx, ended, recovered); err != nil {
		return err
	}
	whole := time.Now()
	quiet := slices.ContainsFunc(st.orders, func(a act) bool { return a.kind == pauseOrder || a.kind == rateOrder })
	longest := time.Duration(0)
	for i, a := range st.faults {
		d := faultDone{kind: a.kind, what: what[i], alone: len(acts) == 1, quiet: quiet}
		d.gap = c.out.silence(c.plan.Partitions(), began[i], whole)
		longest = max(longest, d.gap)
		c.done = append(c.done, d)
	}
	c.note("  whole %.2f s after the last act ended; longest silence %.2f s", whole.Sub(ended).Seconds(), longest.Seconds())
	c.site.bench.say("  %3d faults: %s: silent for %.2f s at most", len(c.done), join(acts), longest.Seconds())
	return nil
}

// whole waits until every partition answers what was sent after a moment.
func (c *chaosRun) whole(ctx context.Context, after time.Time, within time.Duration) error {
	err := c.out.await(ctx, "every partition answers again", within, func() bool {
		return c.out.caughtUp(c.plan.Partitions(), after)
	})
	return errors.Join(err, c.crew.deserted())
}

// strike does one fault, from its beginning to the end of what was taken away.
func (c *chaosRun) strike(ctx context.Context, a act) (what string, err error) {
	back := context.WithoutCancel(ctx) // what was taken away comes back, whatever happens
	s := c.devstack
	switch a.kind {
	case workerKill, workerLost, workerFreeze:
		return c.hit(ctx, a)
	case brokerKill:
		return "broker", s.Kill(back, stack.Kafka)
	case brokerFreeze:
		return "broker", away(ctx, back, a.lasts, stack.Kafka, s.Freeze, s.Thaw)
	case temporalStop:
		return "Temporal", away(ctx, back, a.lasts, stack.Temporal, s.StopNow, s.StartService)
	case temporalFreeze:
		return "Temporal", away(ctx, back, a.lasts, stack.Temporal, s.Freeze, s.Thaw)
	case s3Stop:
		return "object store", away(ctx, back, a.lasts, stack.S3, s.StopNow, s.StartService)
	case mlflowStop:
		return "MLflow", away(ctx, back, a.lasts, stack.MLflow, s.StopNow, s.StartService)
	}
	return "", fmt.Errorf("%s is no fault", a.kind)
}

// hit does a fault to a worker, rather to one that runs shards.
func (c *chaosRun) hit(ctx context.Context, a act) (what string, err error) {
	m, err := c.crew.pick(a.pick, c.whoHolds(ctx))
	if err != nil {
		return "", err
	}
	switch a.kind {
	case workerKill:
		if err = c.crew.kill(m); err == nil {
			_, err = c.crew.hire()
		}
	case workerLost:
		if err = c.crew.kill(m); err == nil {
			err = sleep(ctx, a.lasts)
			_, hired := c.crew.hire()
			err = errors.Join(err, hired)
		}
	case workerFreeze:
		if err = c.crew.freeze(m); err == nil {
			err = errors.Join(sleep(ctx, a.lasts), c.crew.thaw(m))
		}
	}
	return m.String(), err
}

// whoHolds answers the identities of the workers that run shards, as far as Temporal
// tells: the last answer counts while it is away.
func (c *chaosRun) whoHolds(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	status, err := c.status(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.holders = nil
		for _, s := range status.Shards {
			c.holders = append(c.holders, s.Lease.Worker)
		}
	}
	return c.holders
}

// away takes a service away for some time.
func away(ctx, back context.Context, lasts time.Duration, service string, take, give func(context.Context, string) error) error {
	begun := time.Now()
	if err := take(back, service); err != nil {
		return err
	}
	return errors.Join(sleep(ctx, time.Until(begun.Add(lasts))), give(back, service))
}
