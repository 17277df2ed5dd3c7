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
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/serving"
)

// rivalsOptions are the flags of rivals.
type rivalsOptions struct {
	streamFlags
	records int64
	runs    int
	rate    float64
	lasts   time.Duration
	kills   int
	warmup  time.Duration
	only    []*peer
}

func (b *bench) rivalsOptions(args []string) (o rivalsOptions, err error) {
	flags := flag.NewFlagSet("bench rivals", flag.ContinueOnError)
	o.register(flags, b.environ, "of the messages and of the pauses between the kills")
	flags.Int64Var(&o.records, "records", 400_000, "messages that are preloaded for the drains; 0: no drains")
	flags.IntVar(&o.runs, "runs", 3, "drains by each, in turn, and as many measurements of latency; the medians count")
	flags.Float64Var(&o.rate, "rate", 1000, "messages per second, for the latency and while they are killed")
	seconds := flags.Float64("seconds", 20, "how long latency is measured each time; 0: not at all")
	flags.IntVar(&o.kills, "kills", 10, "how often each is killed (-9) and started again at once")
	flags.DurationVar(&o.warmup, "warmup", 15*time.Second, "how long before anything counts, at least: until the compilers of a broker that was started for this, and those of a rival in Java, rest")
	only := flags.String("only", "kafka-streams,flink,spark,spark-real-time,quix", "rivals, in this order")
	if err := b.parse(flags, args); err != nil {
		return o, err
	}
	o.lasts = time.Duration(*seconds * float64(time.Second))
	if o.records < 0 || o.partitions < 1 || o.runs < 1 || o.rate <= 0 || o.lasts < 0 || o.kills < 0 || o.warmup < 0 {
		return o, fmt.Errorf("%w: runs, partitions and rate must be positive, and nothing negative", errUsage)
	}
	o.only, err = peersNamed(*only)
	return o, err
}

// rival is what was measured of the worker, or of one that is measured beside it.
type rival struct {
	peer   *peer // nil: the worker
	drains []drained
	delays []latencies
	gaps   []time.Duration
	killed outcome // of the messages that were sent meanwhile
}

func (r *rival) String() string {
	if r.peer == nil {
		return "temporal-streaming"
	}
	return r.peer.String()
}

// contest is the worker and its rivals on the same broker, in turn.
type contest struct {
	*site
	o        rivalsOptions
	server   *serving.Server
	model    rivalModel
	messages *messages
	all      []*rival      // the worker first
	warm     time.Duration // of the broker, before the first drain
	topics   []string      // that were made
}

// rivals measures the worker and other stream processors in one run: how fast they drain, how long a message takes, and how long the
// output is silent when they are killed. Machines differ, and one machine from hour to hour; the ratios of one run do so least.
func (b *bench) rivals(ctx context.Context, args []string) error {
	o, err := b.rivalsOptions(args)
	if err != nil {
		return err
	}
	before := conditionsNow()
	c := &contest{o: o, all: []*rival{{}}}
	for _, p := range o.only {
		if p.argv, err = p.install(ctx, b); err != nil {
			return err
		}
		c.all = append(c.all, &rival{peer: p})
	}
	c.site, err = b.open(ctx, o.servers)
	defer func() { c.site.close(c.topics...) }()
	if err != nil {
		return err
	}
	if protocol := c.cfg.Kafka.SecurityProtocol; protocol != "" && !strings.EqualFold(protocol, "plaintext") {
		return fmt.Errorf("%w: the rivals are run without %s here: give other brokers, or none", errUsage, protocol)
	}
	if c.server, err = c.serving(); err != nil {
		return err
	}
	if err := c.champion(ctx, c.server); err != nil {
		return err
	}
	if c.model, err = c.championFor(ctx, c.server); err != nil {
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
	r := &report{bench: "rivals", settings: slices.Concat(c.settings(), b.kafkaVersions(c.given), b.machine(before))}
	for _, it := range c.all {
		it.report(r)
	}
	for _, it := range c.all[1:] {
		it.compare(r, c.all[0])
	}
	return b.print(r, o.json)
}

// drains lets all drain the same topic, in turn.
func (c *contest) drains(ctx context.Context) error {
	if c.o.records == 0 {
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
		c.all[0].drains = append(c.all[0].drains, d)
		for _, r := range c.all[1:] {
			c.bench.say("drain %d of %d, by %s", i+1, c.o.runs, r.peer.title)
			theirs := output + "-" + r.peer.name
			if d, err = c.drainBy(ctx, st, r.peer, p, theirs); err != nil {
				return err
			}
			r.drains = append(r.drains, d)
			if err := c.agree(ctx, output, theirs); err != nil {
				return fmt.Errorf("%s: %w", r.peer.title, err)
			}
		}
	}
	return nil
}

// agree holds the predictions of two against each other: it is the same work only if they say the same. What sums in another order
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

func (c *contest) drainBy(ctx context.Context, st *stage, by *peer, p job.StreamPlan, output string) (drained, error) {
	warm := ""
	c.topics = append(c.topics, output)
	if err := c.makeTopics(ctx, c.o.partitions, output); err != nil {
		return drained{}, err
	}
	if by.warms {
		warm = output + "-warm"
		c.topics = append(c.topics, warm)
		if err := c.makeTopics(ctx, c.o.partitions, warm); err != nil {
			return drained{}, err
		}
	}
	p.Output, p.Group = output, "bench."+output
	// Flink commits offsets when its source wakes next, up to ten seconds after the output.
	last, err := c.grown(ctx, output, p.Partitions(), watchEvery)
	if err != nil {
		return drained{}, err
	}
	defer func() { _, _ = last() }() // where it was not asked
	var noEnd error
	d, child, seen, err := st.drainUntil(ctx, p, func() (*child, error) { return c.startPeer(by, p, by.commits.draining, c.o.records, warm) },
		func([]position) (at time.Time) {
			at, noEnd = last()
			return at
		})
	return st.finish(ctx, p, d, child, seen, errors.Join(err, noEnd))
}

// trial is one of them on topics of its own, at a steady rate.
func (c *contest) trial(ctx context.Context, what string, by *peer, following bool, do func(*trial) error) (err error) {
	s := *c.site
	if by != nil {
		what += "-" + by.name
	}
	s.topicIn, s.output = s.topicIn+"-"+what, s.output+"-"+what
	c.topics = append(c.topics, s.topicIn, s.output, s.output+".dlq")
	t := &trial{flags: c.o.streamFlags, messages: c.messages}
	if by == nil {
		t.live, err = s.live(ctx, c.o.partitions, c.o.shards)
	} else {
		t.live, err = c.live(ctx, &s, by)
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

// live is what site.live is, by a peer.
func (c *contest) live(ctx context.Context, s *site, by *peer) (l *live, err error) {
	if err := s.makeTopics(ctx, c.o.partitions, s.topicIn, s.output, s.output+".dlq"); err != nil {
		return nil, err
	}
	l = &live{site: s}
	if l.plan, err = plan(ctx, c.server, s.topicIn, s.output, c.o.shards); err != nil {
		return nil, err
	}
	l.again = func() (*child, error) { return c.startPeer(by, l.plan, by.commits.soon, 0, "") }
	if l.worker, err = l.again(); err != nil {
		return nil, err
	}
	s.bench.say("waiting for %s", by.title)
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
	for i := range c.o.runs {
		for _, r := range c.all {
			c.bench.say("latency %d of %d, by %v", i+1, c.o.runs, r)
			err := c.trial(ctx, fmt.Sprintf("latency-%d", i+1), r.peer, false, func(t *trial) error {
				got, err := t.timed(ctx, o)
				if err == nil {
					c.bench.say("  p50 %.1f ms, p99 %.1f ms", millis(quantile(got.all, .5)), millis(quantile(got.all, .99)))
				}
				r.delays = append(r.delays, got)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// deaths kills all, one after the other, and starts them again at once.
func (c *contest) deaths(ctx context.Context) error {
	if c.o.kills == 0 {
		return nil
	}
	o := recoveryOptions{streamFlags: c.o.streamFlags, rate: c.o.rate, kills: c.o.kills, pause: 3 * time.Second}
	for _, r := range c.all {
		c.bench.say("killing %s %d times", r, o.kills)
		err := c.trial(ctx, "kills", r.peer, true, func(t *trial) (err error) {
			d := &deaths{trial: t, o: o, random: rand.New(rand.NewPCG(o.seed, 0x6465617468))}
			r.killed, err = t.underTraffic(ctx, o.rate, func() error {
				<-t.warmed(ctx, c.o.warmup, t.worker.pid())
				return d.restarts(ctx)
			})
			r.gaps = slices.Sorted(slices.Values(d.restarted))
			return err
		})
		if err != nil {
			return err
		}
		switch err := r.killed.broken(); {
		case err != nil && r.peer == nil:
			return err
		case err != nil: // a finding about a rival
			c.bench.say("%s: %v", r, err)
		}
	}
	return nil
}
