package main

import (
	"context"
	"fmt"
	"time"
)

// killed is what was done to the worker while all messages were sent.
type killed struct {
	kills      []time.Time
	successors []*child  // who came after each
	sent       time.Time // the last message was handed over
}

// underKills sends all messages and kills the worker on the way.
func (t *trial) underKills(ctx context.Context, o killOptions) (k killed, err error) {
	t.bench.say("sending %s messages at %.0f a second", thousands(fmt.Sprint(o.records)), o.rate)
	sending, err := t.sendTo(t.topicIn, t.messages, o.rate, o.records)
	if err != nil {
		return k, err
	}
	defer sending.close()
	for i, after := range o.moments() {
		select {
		case <-time.After(time.Until(sending.begun.Add(after))):
		case <-ctx.Done():
			return k, ctx.Err()
		}
		k.kills = append(k.kills, time.Now())
		if err := t.worker.kill(); err != nil {
			return k, err
		}
		if t.worker, err = t.start(); err != nil {
			return k, err
		}
		k.successors = append(k.successors, t.worker)
		t.bench.say("  kill -9 number %d, %.1f s after the first message", i+1, after.Seconds())
	}
	if _, err = sending.finish(ctx); err != nil {
		return k, err
	}
	k.sent = time.Now()
	t.bench.say("all sent; waiting for the last commit")
	return k, nil
}

// complete waits until every message's offset is committed.
func (l *live) complete(ctx context.Context) error {
	ends, err := l.ends(l.topicIn, l.plan.Partitions())
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

// report adds the gap after each kill: the longest silence of any partition that began
// before the next kill, or before the messages ended.
func (k killed) report(r *report, out *follower, partitions []int32) {
	worst := time.Duration(0)
	for i, kill := range k.kills {
		until := k.sent.Add(-time.Second) // the messages themselves may end a little earlier
		if i+1 < len(k.kills) {
			until = k.kills[i+1]
		}
		gap := out.silence(partitions, kill, until)
		worst = max(worst, gap)
		number := setting{"kill", i + 1}
		r.add("gap_s", gap.Seconds(), "s", number)
		select {
		case at := <-k.successors[i].running:
			r.add("until_loop_runs_s", at.Sub(kill).Seconds(), "s", number)
		default: // it was killed before that
		}
	}
	if len(k.kills) > 0 {
		r.add("worst_gap_s", worst.Seconds(), "s")
	}
}
