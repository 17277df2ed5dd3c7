package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// orderDone is an order that every shard has obeyed.
type orderDone struct {
	kind  kind
	what  string
	tries int
	took  time.Duration
}

// give gives an order as a person does, by the command line, and again until it is obeyed:
// Temporal may be away, or a shard between two workers.
func (c *chaosRun) give(ctx context.Context, a act) (what string, err error) {
	switch a.kind {
	case swapOrder:
		version := c.otherVersion()
		what = "swap to version " + version
		err = c.insist(ctx, a.kind, what, "swap", c.o.pipeline, version)
	case scaleOrder:
		shards := fmt.Sprint(1 + a.pick%uint64(len(c.plan.Partitions())))
		what = "scale to " + shards
		err = c.insist(ctx, a.kind, what, "scale", c.o.pipeline, "--shards", shards)
	case pauseOrder:
		what = "pause and resume"
		if err = c.insist(ctx, a.kind, "pause", "pause", c.o.pipeline); err == nil {
			err = sleep(ctx, a.lasts)
		}
		err = errors.Join(err, c.insist(ctx, a.kind, "resume", "resume", c.o.pipeline))
	case rateOrder:
		limit := fmt.Sprintf("%.0f", c.o.rate*(.3+.6*float64(a.pick%1000)/1000))
		what = "rate of " + limit
		if err = c.insist(ctx, a.kind, what, "rate", c.o.pipeline, limit); err == nil {
			err = sleep(ctx, a.lasts)
		}
		err = errors.Join(err, c.insist(ctx, a.kind, "rate without a limit", "rate", c.o.pipeline, "0"))
	default:
		err = fmt.Errorf("%s is no order", a.kind)
	}
	return what, err
}

// otherVersion is the one that does not serve. From now on it is the one that does.
func (c *chaosRun) otherVersion() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.serves == c.versions[0] {
		c.serves = c.versions[1]
	} else {
		c.serves = c.versions[0]
	}
	return c.serves
}

// obeyed is how long an order is insisted on: longer than any fault lasts.
const obeyed = 4 * time.Minute

// insist runs a command until it succeeds.
func (c *chaosRun) insist(ctx context.Context, k kind, what string, args ...string) error {
	begun := time.Now()
	args = append(args, "--reason", "chaos")
	for tries := 1; ; tries++ {
		err := c.command(ctx, args...)
		if err == nil {
			c.mu.Lock()
			c.orders = append(c.orders, orderDone{kind: k, what: what, tries: tries, took: time.Since(begun)})
			c.mu.Unlock()
			return nil
		}
		c.note("  try %d: %v", tries, err)
		if time.Since(begun) > obeyed || ctx.Err() != nil {
			return fmt.Errorf("%s was not obeyed in %d tries over %v: %w", what, tries, time.Since(begun).Round(time.Second), err)
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// onceObeyed bounds one try. An order that was given stands even if nobody waits for its
// receipt any more.
const onceObeyed = time.Minute

// command runs the starter.
func (c *chaosRun) command(ctx context.Context, args ...string) error {
	_, err := c.answer(ctx, onceObeyed, args...)
	return err
}

// answer runs the starter, and returns what it answers, also where it failed.
func (c *chaosRun) answer(ctx context.Context, within time.Duration, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.starter, append(args, "--json")...)
	bind(cmd)
	cmd.Dir, cmd.Env = c.dir, slices.Concat(c.environ, []string{"NO_COLOR=1"})
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	begun := time.Now()
	err := cmd.Run()
	c.note("  starter %s: %v after %.2f s: %s", strings.Join(args, " "), err, time.Since(begun).Seconds(), bytes.TrimSpace(out.Bytes()))
	if err != nil {
		return out.Bytes(), fmt.Errorf("starter %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.Bytes(), nil
}
