package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"slices"
	"time"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/serving"
	"temporal-streaming/pipelines"
	"temporal-streaming/test/stack"
)

// streamOptions are the flags of stream.
type streamOptions struct {
	streamFlags
	records    int64
	runs       int
	driver     string
	bare       bool
	bareCommit time.Duration
	warmup     time.Duration
	profile    string
	pipeline   string
}

func (b *bench) streamOptions(args []string) (o streamOptions, err error) {
	flags := flag.NewFlagSet("bench stream", flag.ContinueOnError)
	o.register(flags, b.environ, "of the messages")
	flags.Int64Var(&o.records, "records", 400_000, "messages that are preloaded")
	flags.StringVar(&o.pipeline, "pipeline", pipelineName, "creditcard, or transactions: through both of its stages, with labels and snapshots, once and without a bare loop")
	flags.IntVar(&o.runs, "runs", 3, "drains, of which the median counts")
	flags.StringVar(&o.driver, "driver", "worker", "worker: the real program and workflow; loop: its loop alone, in a process of this program")
	flags.BoolVar(&o.bare, "bare", true, "drain by a bare loop of the client library, too")
	flags.DurationVar(&o.bareCommit, "bare-commit", 50*time.Millisecond, "time between the bare loop's commits")
	flags.DurationVar(&o.warmup, "warmup", 15*time.Second, "how long the bare loop drains before that, at least: until the compilers of a broker that was started for this rest; 0: not at all")
	flags.StringVar(&o.profile, "profile", "", "write a profile of the processor to this file; drains once, by --driver loop")
	if err := b.parse(flags, args); err != nil {
		return o, err
	}
	if o.pipeline != pipelineName {
		if err := refuse(flags, "--pipeline "+o.pipeline, "runs", "driver", "bare", "bare-commit", "warmup", "profile", "shards", "seed"); err != nil {
			return o, err
		}
	}
	if o.profile != "" {
		o.driver, o.runs, o.bare = "loop", 1, false
	}
	if o.records < 1 || o.partitions < 1 || o.runs < 1 || o.warmup < 0 || (o.driver != "worker" && o.driver != "loop") {
		return o, fmt.Errorf("%w: records, partitions and runs must be positive, and --driver worker or loop", errUsage)
	}
	return o, nil
}

// stream measures how fast a preloaded topic is drained, exactly once.
func (b *bench) stream(ctx context.Context, args []string) error {
	o, err := b.streamOptions(args)
	if err != nil {
		return err
	}
	if o.pipeline != pipelineName {
		return b.streamTown(ctx, o)
	}
	before := conditionsNow()
	s, err := b.open(ctx, o.servers)
	var topics []string
	defer func() { s.close(topics...) }()
	if err != nil {
		return err
	}
	server, err := s.serving()
	if err != nil {
		return err
	}
	if err := s.champion(ctx, server); err != nil {
		return err
	}
	topics = append(topics, s.topicIn)
	st, err := s.stage(ctx, o)
	if err != nil {
		return err
	}
	made, err := st.warmUpByBare(ctx, server, o)
	topics = append(topics, made...)
	if err != nil {
		return err
	}
	var p job.StreamPlan
	var ours, bare []drained
	for i := range o.runs {
		output := fmt.Sprintf("%s-%d", s.output, i+1)
		topics = append(topics, output, output+".dlq", output+"-bare")
		b.say("drain %d of %d, by the %s", i+1, o.runs, o.driver)
		var d drained
		if p, d, err = st.once(ctx, server, o, output); err != nil {
			return err
		}
		ours = append(ours, d)
		if !o.bare {
			continue
		}
		if d, err = st.bareOnce(ctx, p, o, output+"-bare"); err != nil {
			return err
		}
		bare = append(bare, d)
	}
	r := &report{bench: "stream", settings: slices.Concat(st.settings(o, p), b.kafkaVersions(s.given), b.machine(before))}
	reportStream(r, ours, bare)
	return b.print(r, o.json)
}

// stage preloads the input.
func (s *site) stage(ctx context.Context, o streamOptions) (*stage, error) {
	st := &stage{site: s, records: o.records}
	var err error
	if st.messages, err = newMessages(o.seed); err != nil {
		return nil, err
	}
	if err := s.makeTopics(ctx, o.partitions, s.topicIn); err != nil {
		return nil, err
	}
	if err := s.preload(ctx, st.messages, s.topicIn, o.records); err != nil {
		return nil, err
	}
	partitions := make([]int32, o.partitions)
	for i := range partitions {
		partitions[i] = int32(i)
	}
	if st.ends, err = s.ends(s.topicIn, partitions); err != nil {
		return nil, err
	}
	if !s.given {
		st.broker, err = s.devstack.PID(ctx, stack.Kafka)
	}
	return st, err
}

func (s *stage) once(ctx context.Context, server *serving.Server, o streamOptions, output string) (p job.StreamPlan, d drained, err error) {
	if err = s.makeTopics(ctx, o.partitions, output, output+".dlq"); err != nil {
		return p, d, err
	}
	if p, err = plan(ctx, server, s.topicIn, output, o.shards); err != nil {
		return p, d, err
	}
	if o.driver == "loop" {
		d, err = s.byLoop(ctx, p, o.profile)
	} else {
		d, err = s.byWorker(ctx, p)
	}
	return p, d, err
}

// warmUpByBare lets the bare loop drain until the broker is warm, and answers the topics that were made for it.
func (s *stage) warmUpByBare(ctx context.Context, server *serving.Server, o streamOptions) (topics []string, err error) {
	idle := s.output + "-warm"
	topics = append(topics, idle, idle+".dlq")
	p, err := plan(ctx, server, s.topicIn, idle, o.shards)
	if err != nil {
		return topics, err
	}
	err = s.warmUp(o.warmup, func(n int) error {
		output := fmt.Sprintf("%s-%d", idle, n)
		topics = append(topics, output)
		s.bench.say("drain %d of the warm-up", n)
		_, err := s.bareOnce(ctx, p, o, output)
		return err
	})
	return topics, err
}

func (s *stage) bareOnce(ctx context.Context, p job.StreamPlan, o streamOptions, output string) (drained, error) {
	if err := s.makeTopics(ctx, o.partitions, output); err != nil {
		return drained{}, err
	}
	p.Output, p.Group = output, "bench."+output
	return s.byBare(ctx, p, o.bareCommit)
}

func (s *stage) settings(o streamOptions, p job.StreamPlan) settings {
	out := settings{
		{"driver", o.driver}, {"records", o.records}, {"message_bytes", s.messages.bytes()}, {"partitions", o.partitions},
		{"shards", len(p.Shards)}, {"runs", o.runs}, {"warmup_seconds", math.Round(s.warm.Seconds())}, {"model", p.Model.Name + "@" + p.Model.Version},
	}
	if d, err := pipelines.Load(pipelineName); err == nil {
		out = append(out, setting{"delivery", string(d.Stream.Delivery)}, setting{"commit_interval", d.Stream.CommitInterval.String()},
			setting{"network", fmt.Sprintf("%d x %v", d.Model.Members, d.Model.Hidden)})
	}
	if o.bare {
		out = append(out, setting{"bare_commit", o.bareCommit.String()}, setting{"bare_output_bytes", bareBytes})
	}
	return out
}

func reportStream(r *report, ours, bare []drained) {
	rate := median(ours, drained.perSecond)
	cpu := median(ours, drained.perCPUSecond)
	r.add("records_per_second", rate, "records/s")
	r.add("records_per_cpu_second", cpu, "records/CPU-s")
	r.add("worst_records_per_second", slices.Min(each(ours, drained.perSecond)), "records/s")
	r.add("best_records_per_second", slices.Max(each(ours, drained.perSecond)), "records/s")
	if ours[0].broker > 0 {
		r.add("records_per_broker_cpu_second", median(ours, func(d drained) float64 { return float64(d.records) / d.broker.Seconds() }), "records/CPU-s")
	}
	r.add("other_load", median(ours, drained.others), "cores")
	r.add("client_thread_share", median(ours, func(d drained) float64 { return d.library.Seconds() / d.used.Seconds() }), "of CPU")
	r.add("commit_wait_p50_ms", median(ours, func(d drained) float64 { return millis(quantile(d.waits, .50)) }), "ms")
	r.add("commit_wait_p99_ms", median(ours, func(d drained) float64 { return millis(quantile(d.waits, .99)) }), "ms")
	r.add("lost", 0, "records") // finish has counted: a drain that is not exact is an error
	r.add("repeated", 0, "records")
	if len(bare) == 0 {
		return
	}
	r.add("bare_other_load", median(bare, drained.others), "cores")
	r.add("bare_records_per_second", median(bare, drained.perSecond), "records/s")
	r.add("bare_records_per_cpu_second", median(bare, drained.perCPUSecond), "records/CPU-s")
	r.add("cpu_over_bare_loop", median(bare, drained.perCPUSecond)/cpu, "x")
}

func each[T any](runs []T, of func(T) float64) []float64 {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = of(r)
	}
	return values
}

func median[T any](runs []T, of func(T) float64) float64 {
	values := each(runs, of)
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// quantile of sorted values; 0 if there are none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
