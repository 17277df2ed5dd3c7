package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"temporal-streaming/bench/internal/ledger"
	"temporal-streaming/internal/job"
)

// drained is one drain of a preloaded topic, from the moment the loop had its partitions
// and began to poll, to its last commit.
type drained struct {
	records int64
	took    time.Duration
	used    time.Duration // processor time of the process that drains
	library time.Duration // the part of it in the client library's own threads
	broker  time.Duration // processor time of the broker; 0 unknown
	machine time.Duration // processor time of everything
	waits   []time.Duration
}

func (d drained) perSecond() float64    { return float64(d.records) / d.took.Seconds() }
func (d drained) perCPUSecond() float64 { return float64(d.records) / d.used.Seconds() }

// others is how many cores were busy with neither the loop nor the broker.
func (d drained) others() float64 {
	return max(0, (d.machine-d.used-d.broker).Seconds()) / d.took.Seconds()
}

// stage is a topic that waits to be drained.
type stage struct {
	*site
	messages *messages
	records  int64
	ends     []int64
	broker   int           // process, 0 unknown
	warm     time.Duration // how long it was drained before anything counted
}

// drain measures a process from its start to the last commit. It watches every few
// milliseconds, so the end is known to within that.
func (s *stage) drain(ctx context.Context, p job.StreamPlan, start func() (*child, error)) (d drained, c *child, seen []position, err error) {
	return s.drainUntil(ctx, p, start, func(seen []position) time.Time { return seen[len(seen)-1].at })
}

// drainUntil is drain for one whose offsets may be committed later than its output: until answers when it had drained the topic.
func (s *stage) drainUntil(ctx context.Context, p job.StreamPlan, start func() (*child, error), until func([]position) time.Time) (d drained, c *child, seen []position, err error) {
	c, err = start()
	if err != nil {
		return d, nil, nil, err
	}
	samplers := []*sampler{sampleProcess(c.pid()), sample("the machine", busy)}
	if s.broker > 0 {
		samplers = append(samplers, sampleProcess(s.broker))
	}
	began, err := c.runs(ctx)
	threads := threadTimes(c.pid())
	if err == nil {
		seen, err = s.watchChild(ctx, c, p)
	}
	for name, used := range threadTimes(c.pid()) {
		if strings.HasPrefix(name, "rdk:") {
			d.library += used - threads[name]
		}
	}
	for _, it := range samplers {
		it.end()
	}
	if err != nil {
		return d, c, nil, err
	}
	ended := until(seen)
	d.records, d.took = s.records, ended.Sub(began)
	for i, into := range []*time.Duration{&d.used, &d.machine, &d.broker}[:len(samplers)] {
		if *into, err = samplers[i].between(began, ended); err != nil {
			return d, c, nil, err
		}
	}
	return d, c, seen, nil
}

// watchChild watches the group until all is committed, or the child ends, which it must not.
func (s *stage) watchChild(ctx context.Context, c *child, p job.StreamPlan) ([]position, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-c.exited:
			cancel(c.failure())
		case <-ctx.Done():
		}
	}()
	seen, err := s.watch(ctx, p, s.ends, watchEvery)
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	return seen, err
}

const watchEvery = 10 * time.Millisecond

// byWorker drains by the real worker, driven by the real workflow, and audits the output.
func (s *stage) byWorker(ctx context.Context, p job.StreamPlan) (drained, error) {
	r, err := s.infer(ctx, p)
	if err != nil {
		return drained{}, err
	}
	d, c, seen, err := s.drain(ctx, p, s.start)
	if err == nil {
		err = r.stop(ctx)
	} else {
		r.temporal.Close()
	}
	return s.finish(ctx, p, d, c, seen, err)
}

// byLoop drains by the loop alone, in a process of this program.
func (s *stage) byLoop(ctx context.Context, p job.StreamPlan, profile string) (drained, error) {
	task, err := json.Marshal(loopTask{Plan: p, Profile: profile})
	if err != nil {
		return drained{}, err
	}
	d, c, seen, err := s.drain(ctx, p, func() (*child, error) { return s.launchSelf(childLoop, task) })
	return s.finish(ctx, p, d, c, seen, err)
}

// finish stops the process and holds its output against the ledger.
func (s *stage) finish(ctx context.Context, p job.StreamPlan, d drained, c *child, seen []position, err error) (drained, error) {
	if c != nil {
		if stopped := c.stop(); err == nil {
			err = stopped
		}
	}
	if err != nil {
		return d, err
	}
	s.bench.say("  %.0f records/s, %.0f per CPU-second; auditing the output", d.perSecond(), d.perCPUSecond())
	l := ledger.New(s.records, s.messages.key)
	var scored []scoredAt
	l.Visit(func(p ledger.Prediction) { scored = append(scored, scoredAt{p.Partition, p.Offset, p.ScoredAt}) })
	if err := s.audit(ctx, l, p.Output); err != nil {
		return d, err
	}
	if c := l.Count(); !c.Exact() {
		return d, fmt.Errorf("the stream broke its promise: %v", c)
	}
	d.waits = waits(scored, p.Partitions(), seen)
	return d, nil
}

// byBare drains by the bare loop, whose output is only counted.
func (s *stage) byBare(ctx context.Context, p job.StreamPlan, commit time.Duration) (drained, error) {
	task, err := json.Marshal(loopTask{Plan: p, Commit: commit, Bytes: bareBytes})
	if err != nil {
		return drained{}, err
	}
	d, c, _, err := s.drain(ctx, p, func() (*child, error) { return s.launchSelf(childBare, task) })
	if c != nil {
		if stopped := c.stop(); err == nil {
			err = stopped
		}
	}
	if err != nil {
		return d, err
	}
	s.bench.say("  bare loop: %.0f records/s, %.0f per CPU-second", d.perSecond(), d.perCPUSecond())
	n, err := s.site.records(ctx, p.Output, readCommitted)
	if err == nil && n != s.records {
		err = fmt.Errorf("the bare loop wrote %d records of %d", n, s.records)
	}
	return d, err
}

const bareBytes = 120

// scoredAt is the input record that a prediction names, and when it says it was scored.
type scoredAt struct {
	partition int32
	offset    int64
	at        time.Time
}

// waits are the times from the scoring of a record to the first sight of its offset
// being committed.
func waits(scored []scoredAt, partitions []int32, seen []position) []time.Duration {
	out := make([]time.Duration, 0, len(scored))
	for _, r := range scored {
		slot := slices.Index(partitions, r.partition)
		if slot < 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(seen, r.offset, func(p position, offset int64) int {
			if p.next[slot] > offset {
				return 1
			}
			return -1
		})
		if i < len(seen) {
			out = append(out, max(0, seen[i].at.Sub(r.at)))
		}
	}
	slices.Sort(out)
	return out
}
