package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// streamTown measures how fast a preloaded topic of payments is drained through both stages, exactly once, with labels, state and
// snapshots.
func (b *bench) streamTown(ctx context.Context, o streamOptions) error {
	t, err := b.settle(ctx, o.servers, o.pipeline, o.partitions)
	defer func() { t.leave() }()
	if err != nil {
		return err
	}
	data, source := filepath.Join(b.root, handbookFile), "handbook"
	if _, err := os.Stat(data); errors.Is(err, os.ErrNotExist) {
		data, source = filepath.Join(t.dir, "many-simulated.parquet"), "simulated"
		if err := t.command(ctx, "simulate", "transactions", "--rows", "1754155", "--out", data); err != nil {
			return err
		}
	}
	b.say("preloading %s payments and their labels", thousands(fmt.Sprint(o.records)))
	if err := t.command(ctx, "send", o.pipeline, data, "--count", fmt.Sprint(o.records)); err != nil {
		return err
	}
	if err := t.listen(ctx); err != nil {
		return err
	}
	process, machine := sampleProcess(t.worker.pid()), sample("the machine", busy)
	began, err := t.infer(ctx)
	if err != nil {
		return err
	}
	b.say("draining")
	ended, err := t.await(ctx, o.records, 10*time.Minute)
	process.end()
	machine.end()
	if err != nil {
		return err
	}
	used, err := process.between(began, ended)
	if err != nil {
		return err
	}
	all, err := machine.between(began, ended)
	if err != nil {
		return err
	}
	if err := t.exact(o.records); err != nil {
		return err
	}
	if err := t.audit(ctx); err != nil {
		return err
	}
	took := ended.Sub(began)
	out := &report{bench: "stream", settings: slices.Concat(settings{
		{"pipeline", o.pipeline}, {"data", source}, {"records", o.records}, {"partitions", o.partitions}, {"stages", 2}, {"delivery", "exactly-once"},
	}, b.kafkaVersions(false), b.machine(t.before))}
	out.add("records_per_second", float64(o.records)/took.Seconds(), "records/s")
	out.add("records_per_cpu_second", float64(o.records)/used.Seconds(), "records/CPU-s")
	out.add("machine_cpu", all.Seconds()/took.Seconds(), "cores")
	out.add("snapshots", float64(len(t.log.with("snapshot kept"))), "")
	out.add("lost", 0, "records") // exact has counted
	out.add("repeated", 0, "records")
	out.add("different", 0, "") // audit fails where a bit differs
	return b.print(out, o.json)
}

// latencyTown measures the time from a payment to its prediction through both stages, by an open generator: see latency.
func (b *bench) latencyTown(ctx context.Context, o latencyOptions) error {
	t, err := b.settle(ctx, o.servers, o.pipeline, o.partitions)
	defer func() { t.leave() }()
	if err != nil {
		return err
	}
	if _, err := t.infer(ctx); err != nil {
		return err
	}
	var sent *counting
	var begun time.Time
	due := func(n int64) time.Time { return begun.Add(time.Duration(float64(n) / o.rate * float64(time.Second))) }
	var all []time.Duration
	t.visit = func(id int64, at time.Time) {
		if sent.counts(id) {
			all = append(all, at.Sub(due(id)))
		}
	}
	if err := t.listen(ctx); err != nil {
		return err
	}
	p, err := t.payments(ctx)
	if err != nil {
		return err
	}
	process := sampleProcess(t.worker.pid())
	b.say("sending %.0f payments a second, for %v and longer, and for %v", o.rate, o.warmup, o.lasts)
	sent = newCounting(int64(o.rate*o.lasts.Seconds()), t.warmed(ctx, o.warmup))
	r := rand.New(rand.NewPCG(o.seed, 1))
	begun = time.Now()
	late := time.Duration(0)
	for n := int64(0); sent.more(n); {
		now := time.Now()
		for ; sent.more(n) && !due(n).After(now); n++ {
			late = max(late, now.Sub(due(n)))
			if err := p.send(ctx, n, 1_530_000_000+n/10, int64(r.IntN(5000)), int64(r.IntN(10000)), 1+int64(r.IntN(20000))); err != nil {
				return err
			}
		}
		time.Sleep(time.Millisecond)
	}
	if err := p.close(ctx); err != nil {
		return err
	}
	total := sent.total.Load()
	_, err = t.await(ctx, total, time.Minute)
	process.end()
	if err != nil {
		return err
	}
	if err := t.exact(total); err != nil {
		return err
	}
	if err := t.audit(ctx); err != nil {
		return err
	}
	slices.Sort(all)
	out := &report{bench: "latency", settings: slices.Concat(settings{
		{"pipeline", o.pipeline}, {"rate", o.rate}, {"seconds", o.lasts.Seconds()}, {"warmup_seconds", math.Round(due(sent.first.Load()).Sub(begun).Seconds())},
		{"partitions", o.partitions}, {"stages", 2}, {"from", "the moment a payment was due"}, {"to", "its prediction at a read_committed reader"},
	}, b.kafkaVersions(false), b.machine(t.before))}
	latencies{all: all, late: []time.Duration{late}}.report(out)
	used, err := process.between(due(sent.first.Load()), due(total))
	if err != nil {
		return err
	}
	out.add("worker_cpu", used.Seconds()/o.lasts.Seconds(), "cores")
	return b.print(out, o.json)
}
