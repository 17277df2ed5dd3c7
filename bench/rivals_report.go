package main

import (
	"fmt"
	"math"
)

func (c *contest) settings() settings {
	out := settings{
		{"records", c.o.records}, {"runs", c.o.runs}, {"rate", c.o.rate}, {"seconds", c.o.lasts.Seconds()}, {"kills", c.o.kills},
		{"message_bytes", c.messages.bytes()}, {"partitions", c.o.partitions}, {"delivery", "exactly once, where it is not said"},
		{"warmup_seconds", math.Round(c.warm.Seconds())}, {"model", c.model.Name + "@" + c.model.Version}, {"seed", c.o.seed}, {"java_heap", javaHeap},
	}
	for _, it := range c.all[1:] {
		p := it.peer
		text := fmt.Sprintf("%s, %d threads, commits every %v while it drains, every %v else", p.version, c.threads(p), p.commits.draining, p.commits.soon)
		if p.commits == (commitEvery{}) {
			text = fmt.Sprintf("%s, %d threads, a batch as soon as the one before is done", p.version, c.threads(p))
		}
		if p.repeats {
			text += ", at least once"
		}
		out = append(out, setting{p.name, text})
	}
	return out
}

func (r *rival) report(to *report) {
	by := setting{"by", r.String()}
	if len(r.drains) > 0 {
		to.add("records_per_second", median(r.drains, drained.perSecond), "", by)
		to.add("records_per_cpu_second", median(r.drains, drained.perCPUSecond), "", by)
	}
	if len(r.delays) > 0 {
		to.add("p50_ms", median(r.delays, atQuantile(.5)), "ms", by)
		to.add("p99_ms", median(r.delays, atQuantile(.99)), "ms", by)
		to.add("cpu_at_rate", median(r.delays, func(l latencies) float64 { return l.process }), "cores", by)
	}
	if n := len(r.gaps); n > 0 {
		to.add("restart_p50_s", quantile(r.gaps, .5).Seconds(), "s", by)
		to.add("restart_max_s", r.gaps[n-1].Seconds(), "s", by)
		to.add("lost", float64(r.killed.Lost), "", by)
		to.add("repeated", float64(r.killed.Repeated), "", by)
	}
}

// compare adds how many times better the worker was.
func (r *rival) compare(to *report, worker *rival) {
	than := setting{"than", r.String()}
	if len(r.drains) > 0 {
		times := func(of func(drained) float64) float64 { return median(worker.drains, of) / median(r.drains, of) }
		to.add("times_records_per_second", times(drained.perSecond), "x", than)
		to.add("times_records_per_cpu_second", times(drained.perCPUSecond), "x", than)
	}
	if len(r.delays) > 0 {
		times := func(q float64) float64 { return median(r.delays, atQuantile(q)) / median(worker.delays, atQuantile(q)) }
		to.add("times_sooner_p50", times(.5), "x", than)
		to.add("times_sooner_p99", times(.99), "x", than)
	}
	if len(r.gaps) > 0 {
		to.add("times_sooner_back_p50", quantile(r.gaps, .5).Seconds()/quantile(worker.gaps, .5).Seconds(), "x", than)
	}
}

// atQuantile is a latency in milliseconds.
func atQuantile(q float64) func(latencies) float64 {
	return func(l latencies) float64 { return millis(quantile(l.all, q)) }
}
