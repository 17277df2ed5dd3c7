package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"temporal-streaming/internal/job"
)

// recovered is how long a benchmark waits for output before it gives up.
const recovered = 2 * time.Minute

// deaths kills workers of a trial, one after another.
type deaths struct {
	*trial
	o      recoveryOptions
	random *rand.Rand
	spare  *child // the second worker, while takeovers are measured

	restarted, taken []time.Duration // the gaps
}

// abandon kills the second worker; the trial knows of the first.
func (d *deaths) abandon() {
	if d.spare != nil {
		if err := d.spare.end(); err != nil {
			d.bench.say("%v", err)
		}
	}
}

// restarts kills the worker and starts it again at once.
func (d *deaths) restarts(ctx context.Context) error {
	for i := range d.o.kills {
		if err := d.calm(ctx); err != nil {
			return err
		}
		begin := time.Now()
		if err := d.worker.kill(); err != nil {
			return err
		}
		next, err := d.again()
		if err != nil {
			return err
		}
		d.worker = next
		gap, err := d.gap(ctx, begin, d.plan.Partitions())
		if err != nil {
			return fmt.Errorf("kill %d: %w; the worker said:\n%s", i+1, err, d.worker.said)
		}
		d.restarted = append(d.restarted, gap)
		d.tell("kill", i+1, d.o.kills, d.restarted)
	}
	return nil
}

// takeovers kills the worker that holds shards for good while another lives, and lets a
// new one join afterwards.
func (d *deaths) takeovers(ctx context.Context) (err error) {
	for i := range d.o.takeovers {
		if d.spare, err = d.start(); err != nil {
			return err
		}
		if err := d.spare.polls(ctx); err != nil {
			return err
		}
		if err := d.calm(ctx); err != nil {
			return err
		}
		partitions, err := d.held(ctx)
		if err != nil {
			return err
		}
		begin := time.Now()
		if err := d.worker.kill(); err != nil {
			return err
		}
		d.worker, d.spare = d.spare, nil
		gap, err := d.gap(ctx, begin, partitions)
		if err != nil {
			return fmt.Errorf("takeover %d: %w; the worker that was left said:\n%s", i+1, err, d.worker.said)
		}
		d.taken = append(d.taken, gap)
		d.tell("takeover", i+1, d.o.takeovers, d.taken)
	}
	return nil
}

// calm waits until the stream has caught up, and a while longer.
func (d *deaths) calm(ctx context.Context) error {
	now := time.Now()
	err := d.out.await(ctx, "the stream has caught up", recovered, func() bool { return d.out.caughtUp(d.plan.Partitions(), now) })
	if err != nil {
		return err
	}
	return sleep(ctx, time.Duration((.5+d.random.Float64())*float64(d.o.pause)))
}

// held makes worker the one that has more partitions, spare the other, and answers which
// partitions those are.
func (d *deaths) held(ctx context.Context) ([]int32, error) {
	status, err := d.flow.status(ctx)
	if err != nil {
		return nil, err
	}
	of := map[string][]int32{}
	for _, s := range status.Shards {
		if s.State == job.ShardRunning {
			of[s.Lease.Worker] = append(of[s.Lease.Worker], s.Shard.Partitions...)
		}
	}
	if len(of[d.spare.identity()]) > len(of[d.worker.identity()]) {
		d.worker, d.spare = d.spare, d.worker
	}
	held := of[d.worker.identity()]
	if len(held) == 0 {
		return nil, fmt.Errorf("neither %s nor %s runs a shard: %v", d.worker.identity(), d.spare.identity(), of)
	}
	slices.Sort(held)
	return held, nil
}

// gap waits until the partitions have output that was made after a death.
func (d *deaths) gap(ctx context.Context, death time.Time, partitions []int32) (time.Duration, error) {
	var at []time.Time
	err := d.out.await(ctx, fmt.Sprintf("partitions %v have new output", partitions), recovered, func() (all bool) {
		at, all = d.out.renewed(partitions, death)
		return all
	})
	if err != nil {
		return 0, err
	}
	return slices.MaxFunc(at, time.Time.Compare).Sub(death), nil
}

// tell reports progress, each of the first few times and then now and again.
func (d *deaths) tell(what string, i, of int, gaps []time.Duration) {
	if i > 5 && i%10 != 0 && i != of {
		return
	}
	sorted := slices.Sorted(slices.Values(gaps))
	d.bench.say("  %s %d of %d: %.2f s; so far p50 %.2f, p95 %.2f, max %.2f", what, i, of, gaps[i-1].Seconds(),
		quantile(sorted, .5).Seconds(), quantile(sorted, .95).Seconds(), sorted[len(sorted)-1].Seconds())
}

// end kills a child if it still runs.
func (c *child) end() error {
	select {
	case <-c.exited:
		return nil
	default:
	}
	return c.kill()
}
