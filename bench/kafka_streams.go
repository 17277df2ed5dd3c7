package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/serving"
)

// streamsOptions are the flags of kafka-streams.
type streamsOptions struct {
	streamFlags
	records int64
	runs    int
	rate    float64
	lasts   time.Duration
	kills   int
	warmup  time.Duration
	threads int
}

func (b *bench) streamsOptions(args []string) (o streamsOptions, err error) {
	flags := flag.NewFlagSet("bench kafka-streams", flag.ContinueOnError)
	o.register(flags, b.environ, "of the messages and of the pauses between the kills")
	flags.Int64Var(&o.records, "records", 400_000, "messages that are preloaded for the drains")
	flags.IntVar(&o.runs, "runs", 3, "drains by each, in turn, of which the medians count; 0: none")
	flags.Float64Var(&o.rate, "rate", 1000, "messages per second, for the latency and while they are killed")
	seconds := flags.Float64("seconds", 30, "how long latency is measured; 0: not at all")
	flags.IntVar(&o.kills, "kills", 10, "how often each is killed (-9) and started again at once")
	flags.DurationVar(&o.warmup, "warmup", 15*time.Second, "how long before anything counts, at least: until the compilers of a broker that was started for this, and those of Kafka Streams, rest")
	flags.IntVar(&o.threads, "threads", 2, "stream threads of Kafka Streams")
	if err := b.parse(flags, args); err != nil {
		return o, err
	}
	o.lasts = time.Duration(*seconds * float64(time.Second))
	if o.records < 1 || o.partitions < 1 || o.runs < 0 || o.rate <= 0 || o.lasts < 0 || o.kills < 0 || o.warmup < 0 || o.threads < 1 {
		return o, fmt.Errorf("%w: records, partitions, rate and threads must be positive, and nothing negative", errUsage)
	}
	return o, nil
}

// rival is what was measured of one of the two.
type rival struct {
	name   string
	drains []drained
	delays latencies
	gaps   []time.Duration
}

// contest is the worker and Kafka Streams on the same broker, in turn.
type contest struct {
	*site
	o            streamsOptions
	server       *serving.Server
	streams      *kafkaStreams
	messages     *messages
	ours, theirs rival
	warm         time.Duration // of the broker, before the first drain
	topics       []string      // that were made
}

// kafkaStreams measures the worker and Kafka Streams in one run: how fast they drain, how long a message takes, and how long the output
// is silent when they are killed. Machines differ, and one machine from hour to hour; the ratios of one run do so least.
func (b *bench) kafkaStreams(ctx context.Context, args []string) error {
	o, err := b.streamsOptions(args)
	if err != nil {
		return err
	}
	before := conditionsNow()
	c := &contest{o: o, ours: rival{name: "temporal-streaming"}, theirs: rival{name: "Kafka Streams"}}
	c.site, err = b.open(ctx, o.servers)
	defer func() { c.site.close(c.topics...) }()
	if err != nil {
		return err
	}
	if c.server, err = c.serving(); err != nil {
		return err
	}
	if err := c.champion(ctx, c.server); err != nil {
		return err
	}
	if c.streams, err = c.site.kafkaStreams(ctx, c.server, o.threads); err != nil {
		return err
	}
	if c.messages, err = newMessages(o.seed); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{c.drains, c.latencies, c.deaths} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	r := &report{bench: "kafka-streams", settings: slices.Concat(settings{
		{"kafka_streams", streamsVersion()}, {"threads", o.threads}, {"heap", streamsHeap},
		{"commits", fmt.Sprintf("every %v while it drains, every %v else", streamsCommit, streamsSoonCommit)},
		{"records", o.records}, {"runs", o.runs}, {"rate", o.rate}, {"seconds", o.lasts.Seconds()}, {"kills", o.kills},
		{"message_bytes", c.messages.bytes()}, {"partitions", o.partitions}, {"delivery", "exactly once, both"}, {"warmup_seconds", math.Round(c.warm.Seconds())},
		{"model", c.streams.model.Name + "@" + c.streams.model.Version}, {"seed", o.seed},
	}, b.kafkaVersions(c.given), b.machine(before))}
	c.report(r)
	return b.print(r, o.json)
}

// drains lets both drain the same topic, in turn.
func (c *contest) drains(ctx context.Context) error {
	if c.o.runs == 0 {
		return nil
	}
	o := streamOptions{streamFlags: c.o.streamFlags, records: c.o.records, driver: "worker", bareCommit: 50 * time.Millisecond, warmup: c.o.warmup}
	c.topics = append(c.topics, c.topicIn)
	st, err := c.stage(ctx, o)
	if err != nil {
		return err
	}
	made, err := st.warmUpByBare(ctx, c.server, o)
	c.topics = append(c.topics, made...)
	c.warm = st.warm
	if err != nil {
		return err
	}
	for i := range c.o.runs {
		output := fmt.Sprintf("%s-%d", c.output, i+1)
		c.topics = append(c.topics, output, output+".dlq")
		c.bench.say("drain %d of %d, by the worker", i+1, c.o.runs)
		p, d, err := st.once(ctx, c.server, o, output)
		if err != nil {
			return err
		}
		c.ours.drains = append(c.ours.drains, d)
		c.bench.say("drain %d of %d, by Kafka Streams, after one that warms it up", i+1, c.o.runs)
		if d, err = c.drainByStreams(ctx, st, p, output+"-streams"); err != nil {
			return err
		}
		c.theirs.drains = append(c.theirs.drains, d)
		if err := c.agree(ctx, output, output+"-streams"); err != nil {
			return err
		}
	}
	return nil
}

// agree holds the predictions of both against each other: it is the same work only if they say the same. What sums in another order
// differs in the last digits.
func (c *contest) agree(ctx context.Context, ours, theirs string) error {
	probabilities := make([]float64, c.o.records) // by message; each topic has each of them once, as was audited
	visit := func(topic string, do func(n int64, probability float64)) error {
		r, err := c.read(topic, readCommitted, false)
		if err != nil {
			return err
		}
		defer r.close()
		var wrong error
		err = r.each(ctx, func(m *kafka.Message) {
			var p struct {
				SourceID    int64   `json:"source_id"`
				Probability float64 `json:"probability"`
			}
			if err := json.Unmarshal(m.Value, &p); err != nil {
				wrong = fmt.Errorf("read prediction of %s: %w", topic, err)
				return
			}
			do(p.SourceID, p.Probability)
		})
		return errors.Join(err, wrong)
	}
	if err := visit(ours, func(n int64, p float64) { probabilities[n] = p }); err != nil {
		return err
	}
	most := 0.0
	if err := visit(theirs, func(n int64, p float64) { most = max(most, math.Abs(probabilities[n]-p)) }); err != nil {
		return err
	}
	if most > alike {
		return fmt.Errorf("the probabilities of the two differ by up to %g: they do not do the same work", most)
	}
	return nil
}

const alike = 1e-5

func (c *contest) drainByStreams(ctx context.Context, st *stage, p job.StreamPlan, output string) (drained, error) {
	warm := output + "-warm"
	c.topics = append(c.topics, output, warm)
	if err := c.makeTopics(ctx, c.o.partitions, output, warm); err != nil {
		return drained{}, err
	}
	p.Output, p.Group = output, "bench."+output
	d, child, seen, err := st.drain(ctx, p, func() (*child, error) { return c.streams.start(p, streamsCommit, c.o.records, warm) })
	return st.finish(ctx, p, d, child, seen, err)
}

// trial is one of the two on topics of its own, at a steady rate.
func (c *contest) trial(ctx context.Context, what string, byStreams, following bool, do func(*trial) error) (err error) {
	s := *c.site
	s.topicIn, s.output = s.topicIn+"-"+what, s.output+"-"+what
	if byStreams {
		s.topicIn, s.output = s.topicIn+"-streams", s.output+"-streams"
	}
	c.topics = append(c.topics, s.topicIn, s.output, s.output+".dlq")
	t := &trial{flags: c.o.streamFlags, messages: c.messages}
	if byStreams {
		t.live, err = c.streams.live(ctx, &s, c.server, c.o)
	} else {
		t.live, err = s.live(ctx, c.o.partitions, c.o.shards)
	}
	if err != nil {
		return err
	}
	defer t.abandon()
	if !following {
		return do(t)
	}
	if t.out, err = s.follow(ctx, s.output, nil); err != nil {
		return err
	}
	err = do(t)
	return errors.Join(err, t.out.close())
}

// live is what site.live is, by Kafka Streams.
func (k *kafkaStreams) live(ctx context.Context, s *site, server *serving.Server, o streamsOptions) (l *live, err error) {
	if err := s.makeTopics(ctx, o.partitions, s.topicIn, s.output, s.output+".dlq"); err != nil {
		return nil, err
	}
	l = &live{site: s}
	if l.plan, err = plan(ctx, server, s.topicIn, s.output, o.shards); err != nil {
		return nil, err
	}
	l.again = func() (*child, error) { return k.start(l.plan, streamsSoonCommit, 0, "") }
	if l.worker, err = l.again(); err != nil {
		return nil, err
	}
	s.bench.say("waiting for Kafka Streams")
	if _, err = l.worker.runs(ctx); err != nil {
		return nil, errors.Join(err, l.worker.end())
	}
	return l, nil
}

func (c *contest) latencies(ctx context.Context) error {
	if c.o.lasts == 0 {
		return nil
	}
	o := latencyOptions{streamFlags: c.o.streamFlags, rate: c.o.rate, lasts: c.o.lasts, warmup: c.o.warmup, linger: 4 * time.Millisecond}
	for _, r := range []*rival{&c.ours, &c.theirs} {
		err := c.trial(ctx, "latency", r == &c.theirs, false, func(t *trial) (err error) {
			r.delays, err = t.timed(ctx, o)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deaths kills both, one after the other, and starts them again at once.
func (c *contest) deaths(ctx context.Context) error {
	if c.o.kills == 0 {
		return nil
	}
	o := recoveryOptions{streamFlags: c.o.streamFlags, rate: c.o.rate, kills: c.o.kills, pause: 3 * time.Second}
	for _, r := range []*rival{&c.ours, &c.theirs} {
		c.bench.say("killing %s %d times", r.name, o.kills)
		err := c.trial(ctx, "kills", r == &c.theirs, true, func(t *trial) error {
			d := &deaths{trial: t, o: o, random: rand.New(rand.NewPCG(o.seed, 0x6465617468))}
			v, err := t.underTraffic(ctx, o.rate, func() error {
				<-t.warmed(ctx, c.o.warmup, t.worker.pid())
				return d.restarts(ctx)
			})
			if err != nil {
				return err
			}
			r.gaps = slices.Sorted(slices.Values(d.restarted))
			return v.broken()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *contest) report(r *report) {
	for _, it := range []*rival{&c.ours, &c.theirs} {
		by := setting{"by", it.name}
		if len(it.drains) > 0 {
			r.add("records_per_second", median(it.drains, drained.perSecond), "", by)
			r.add("records_per_cpu_second", median(it.drains, drained.perCPUSecond), "", by)
		}
		if n := len(it.delays.all); n > 0 {
			r.add("p50_ms", millis(quantile(it.delays.all, .5)), "ms", by)
			r.add("p99_ms", millis(quantile(it.delays.all, .99)), "ms", by)
			r.add("cpu_at_rate", it.delays.process, "cores", by)
		}
		if n := len(it.gaps); n > 0 {
			r.add("restart_p50_s", quantile(it.gaps, .5).Seconds(), "s", by)
			r.add("restart_max_s", it.gaps[n-1].Seconds(), "s", by)
		}
	}
	ratio := func(name string, ours, theirs float64) { r.add(name, ours/theirs, "x") }
	if len(c.ours.drains) > 0 {
		ratio("times_records_per_second", median(c.ours.drains, drained.perSecond), median(c.theirs.drains, drained.perSecond))
		ratio("times_records_per_cpu_second", median(c.ours.drains, drained.perCPUSecond), median(c.theirs.drains, drained.perCPUSecond))
	}
	of := func(name string, q float64, ours, theirs []time.Duration) {
		if len(ours) > 0 {
			ratio(name, quantile(theirs, q).Seconds(), quantile(ours, q).Seconds())
		}
	}
	of("times_sooner_p50", .5, c.ours.delays.all, c.theirs.delays.all)
	of("times_sooner_p99", .99, c.ours.delays.all, c.theirs.delays.all)
	of("times_sooner_back_p50", .5, c.ours.gaps, c.theirs.gaps)
}
