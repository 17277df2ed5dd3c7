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

// histories measures snapshots and recovery of a stream that knows many keys: how large snapshots are and how long they take beside
// the stream, and how long the output is silent when the worker is killed (-9) and started again.
func (b *bench) histories(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench histories", flag.ContinueOnError)
	var f streamFlags
	f.register(flags, b.environ, "of the payments")
	keys := flags.Int64("keys", 1_000_000, "customers and terminals, four customers to a terminal")
	each := flags.Int64("each", 3, "payments of each customer beforehand")
	kills := flags.Int("kills", 5, "of the worker")
	log := flags.String("log", "", "file for all that the workers say")
	rate := flags.Float64("rate", 1000, "payments a second while it is killed")
	if err := b.parse(flags, args); err != nil {
		return err
	}
	if *keys < 10 || *each < 1 || *kills < 1 || *rate <= 0 {
		return fmt.Errorf("%w: keys, each, kills and rate must be positive", errUsage)
	}
	t, err := b.settle(ctx, f.servers, "transactions", f.partitions)
	defer func() { t.leave() }()
	if err != nil {
		return err
	}
	if *log != "" {
		file, err := os.Create(*log)
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
	r := rand.New(rand.NewPCG(f.seed, 2))
	customers, terminals := *keys*4/5, *keys/5
	id, total := int64(0), customers**each
	pay := func() error {
		// A month: no window forgets any of it.
		at := 1_530_000_000 + int64(float64(id)*30*86400/float64(total))
		err := p.send(ctx, id, at, id%customers, int64(r.IntN(int(terminals))), 1+int64(r.IntN(20000)))
		id++
		return err
	}
	b.say("%s payments of %s customers at %s terminals", thousands(fmt.Sprint(total)), thousands(fmt.Sprint(customers)), thousands(fmt.Sprint(terminals)))
	for id < total {
		if err := pay(); err != nil {
			return err
		}
	}
	if _, err := t.await(ctx, total, 15*time.Minute); err != nil {
		return err
	}
	snapshots, err := t.snapshots(ctx)
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	sent := make(chan error, 1)
	go func() {
		tick := time.NewTicker(4 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				sent <- p.close(ctx)
				return
			case <-tick.C:
				for range int(*rate * 0.004) {
					if err := pay(); err != nil {
						sent <- err
						return
					}
				}
			}
		}
	}()
	var gaps []time.Duration
	for i := range *kills {
		time.Sleep(5 * time.Second)
		if err := t.worker.kill(); err != nil {
			return err
		}
		killed := time.Now()
		if t.worker, err = t.startWorker(&t.log); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond) // what was committed before the kill is still on its way to the reader
		t.mu.Lock()
		before := t.total
		t.mu.Unlock()
		if _, err := t.await(ctx, before+1, 2*time.Minute); err != nil {
			return err
		}
		gaps = append(gaps, time.Since(killed))
		b.say("kill %d of %d: %.2f s to the first new output", i+1, *kills, gaps[i].Seconds())
	}
	close(stop)
	if err := <-sent; err != nil {
		return err
	}
	if _, err := t.await(ctx, id, 5*time.Minute); err != nil {
		return err
	}
	if err := t.exact(id); err != nil {
		return err
	}
	if err := t.audit(ctx); err != nil {
		return err
	}
	slices.Sort(gaps)
	out := &report{bench: "histories", settings: slices.Concat(settings{
		{"keys", customers + terminals}, {"payments", id}, {"partitions", f.partitions}, {"kills", *kills}, {"rate", *rate},
	}, b.kafkaVersions(false), b.machine(t.before))}
	out.add("snapshot_bytes", snapshots.bytes, "B") // of all partitions of both stages
	out.add("snapshot_bytes_per_key", snapshots.bytes/snapshots.keys, "B")
	out.add("snapshot_longest_s", snapshots.longest.Seconds(), "s")
	out.add("first_output_p50_s", quantile(gaps, .50).Seconds(), "s")
	out.add("first_output_max_s", gaps[len(gaps)-1].Seconds(), "s")
	out.add("lost", 0, "records") // exact has counted
	out.add("repeated", 0, "records")
	out.add("different", 0, "") // audit fails where a bit differs
	return b.print(out, f.json)
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
