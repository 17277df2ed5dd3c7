package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"time"
)

// historiesOptions are what bench histories is asked for.
type historiesOptions struct {
	streamFlags
	keys, each int64
	kills      int
	log        string
	rate       float64
}

func (b *bench) historiesOptions(args []string) (o historiesOptions, err error) {
	flags := flag.NewFlagSet("bench histories", flag.ContinueOnError)
	o.register(flags, b.environ, "of the payments")
	flags.Int64Var(&o.keys, "keys", 1_000_000, "customers and terminals, four customers to a terminal")
	flags.Int64Var(&o.each, "each", 3, "payments of each customer beforehand")
	flags.IntVar(&o.kills, "kills", 5, "of the worker")
	flags.StringVar(&o.log, "log", "", "file for all that the workers say")
	flags.Float64Var(&o.rate, "rate", 1000, "payments a second while it is killed")
	if err = b.parse(flags, args); err == nil && (o.keys < 10 || o.each < 1 || o.kills < 1 || o.rate <= 0) {
		err = fmt.Errorf("%w: keys, each, kills and rate must be positive", errUsage)
	}
	return o, err
}

// histories measures snapshots and recovery of a stream that knows many keys: how large snapshots are and how long they take beside
// the stream, and how long the output is silent when the worker is killed (-9) and started again.
func (b *bench) histories(ctx context.Context, args []string) error {
	o, err := b.historiesOptions(args)
	if err != nil {
		return err
	}
	t, err := b.settle(ctx, o.servers, "transactions", o.partitions)
	defer func() { t.leave() }()
	if err != nil {
		return err
	}
	if o.log != "" {
		file, err := os.Create(o.log)
		if err != nil {
			return fmt.Errorf("keep what the workers say: %w", err)
		}
		defer file.Close()
		t.log.keep(file)
	}
	if err := t.listen(ctx); err != nil {
		return err
	}
	if _, err := t.infer(ctx); err != nil {
		return err
	}
	p, err := t.payments(ctx)
	if err != nil {
		return err
	}
	c := newCrowd(p, o)
	if err := c.fill(ctx, t); err != nil {
		return err
	}
	snapshots, err := t.snapshots(ctx)
	if err != nil {
		return err
	}
	goHome := c.payOn(ctx, o.rate)
	gaps, err := t.killAgainAndAgain(ctx, o.kills)
	if err != nil {
		return err
	}
	if err := goHome(); err != nil {
		return err
	}
	if _, err := t.await(ctx, c.id, 5*time.Minute); err != nil {
		return err
	}
	if err := t.exact(c.id); err != nil {
		return err
	}
	if err := t.audit(ctx); err != nil {
		return err
	}
	slices.Sort(gaps)
	out := &report{bench: "histories", settings: slices.Concat(settings{
		{"keys", c.customers + c.terminals}, {"payments", c.id}, {"partitions", o.partitions}, {"kills", o.kills}, {"rate", o.rate},
	}, b.kafkaVersions(false), b.machine(t.before))}
	out.add("snapshot_bytes", snapshots.bytes, "B") // of all partitions of both stages
	out.add("snapshot_bytes_per_key", snapshots.bytes/snapshots.keys, "B")
	out.add("snapshot_longest_s", snapshots.longest.Seconds(), "s")
	out.add("first_output_p50_s", quantile(gaps, .50).Seconds(), "s")
	out.add("first_output_max_s", gaps[len(gaps)-1].Seconds(), "s")
	out.add("lost", 0, "records") // exact has counted
	out.add("repeated", 0, "records")
	out.add("different", 0, "") // audit fails where a bit differs
	return b.print(out, o.json)
}

// crowd pays, one customer after the other.
type crowd struct {
	to                   *payments
	random               *rand.Rand
	customers, terminals int64
	beforehand           int64 // payments
	id                   int64 // of the next payment
}

func newCrowd(to *payments, o historiesOptions) *crowd {
	customers := o.keys * 4 / 5
	return &crowd{to: to, random: rand.New(rand.NewPCG(o.seed, 2)), customers: customers, terminals: o.keys / 5, beforehand: customers * o.each}
}

// pay sends one payment. Those beforehand take a month, so that no window forgets any of it.
func (c *crowd) pay(ctx context.Context) error {
	at := 1_530_000_000 + int64(float64(c.id)*30*86400/float64(c.beforehand))
	err := c.to.send(ctx, c.id, at, c.id%c.customers, int64(c.random.IntN(int(c.terminals))), 1+int64(c.random.IntN(20000)))
	c.id++
	return err
}

// fill makes all keys known.
func (c *crowd) fill(ctx context.Context, t *town) error {
	t.bench.say("%s payments of %s customers at %s terminals", thousands(fmt.Sprint(c.beforehand)), thousands(fmt.Sprint(c.customers)), thousands(fmt.Sprint(c.terminals)))
	for c.id < c.beforehand {
		if err := c.pay(ctx); err != nil {
			return err
		}
	}
	_, err := t.await(ctx, c.beforehand, 15*time.Minute)
	return err
}

// payOn pays so many times a second until end is called, which waits for the acknowledgements. Only then may c be looked at.
func (c *crowd) payOn(ctx context.Context, rate float64) (end func() error) {
	stop := make(chan struct{})
	sent := make(chan error, 1)
	go func() {
		tick := time.NewTicker(4 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				sent <- c.to.close(ctx)
				return
			case <-tick.C:
				for range int(rate * 0.004) {
					if err := c.pay(ctx); err != nil {
						sent <- err
						return
					}
				}
			}
		}
	}()
	return func() error {
		close(stop)
		return <-sent
	}
}

// killAgainAndAgain measures how long the output is silent after each kill.
func (t *town) killAgainAndAgain(ctx context.Context, kills int) (gaps []time.Duration, err error) {
	for i := range kills {
		time.Sleep(5 * time.Second)
		if err := t.worker.kill(); err != nil {
			return nil, err
		}
		killed := time.Now()
		if t.worker, err = t.startWorker(&t.log); err != nil {
			return nil, err
		}
		time.Sleep(100 * time.Millisecond) // what was committed before the kill is still on its way to the reader
		t.mu.Lock()
		before := t.total
		t.mu.Unlock()
		if _, err := t.await(ctx, before+1, 2*time.Minute); err != nil {
			return nil, err
		}
		gaps = append(gaps, time.Since(killed))
		t.bench.say("kill %d of %d: %.2f s to the first new output", i+1, kills, gaps[i].Seconds())
	}
	return gaps, nil
}

// taken sums up the newest snapshots of all partitions.
type taken struct {
	keys, bytes float64
	longest     time.Duration
}

// snapshots waits until all partitions of both stages have a snapshot of what they know now.
func (t *town) snapshots(ctx context.Context) (taken, error) {
	t.bench.say("waiting for snapshots of all partitions")
	known := len(t.log.with("snapshot kept"))
	for begun := time.Now(); ; {
		newest := map[string]string{}
		lines := t.log.with("snapshot kept")
		for _, line := range lines {
			newest[logged(line, "topic")+"-"+logged(line, "partition")] = line
		}
		var sum taken
		for _, line := range newest {
			keys, _ := strconv.ParseFloat(logged(line, "keys"), 64)
			size, _ := strconv.ParseFloat(logged(line, "bytes"), 64)
			took, _ := time.ParseDuration(logged(line, "took"))
			sum.keys, sum.bytes, sum.longest = sum.keys+keys, sum.bytes+size, max(sum.longest, took)
		}
		// Each is due after half a minute, and nothing changes any more: then the newest ones have everything.
		if len(newest) == 2*t.partitions && time.Since(begun) > 40*time.Second && len(lines) > known {
			return sum, nil
		}
		if time.Since(begun) > 5*time.Minute {
			return sum, fmt.Errorf("after %v only %d of %d partitions have a snapshot", time.Since(begun), len(newest), 2*t.partitions)
		}
		select {
		case <-ctx.Done():
			return sum, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}
