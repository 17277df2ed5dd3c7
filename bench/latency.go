package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"time"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
)

// latencyOptions are the flags of latency.
type latencyOptions struct {
	servers    serverFlags
	json       bool
	rate       float64
	lasts      time.Duration
	warmup     time.Duration
	linger     time.Duration
	partitions int
	shards     int
	seed       uint64
}

func (b *bench) latencyOptions(args []string) (o latencyOptions, err error) {
	flags := flag.NewFlagSet("bench latency", flag.ContinueOnError)
	o.servers.register(flags, b.environ)
	flags.BoolVar(&o.json, "json", false, "one JSON object a line")
	flags.Float64Var(&o.rate, "rate", 1000, "messages per second")
	seconds := flags.Float64("seconds", 30, "how long is measured")
	flags.DurationVar(&o.warmup, "warmup", 5*time.Second, "how long is sent before that")
	flags.DurationVar(&o.linger, "linger", 4*time.Millisecond, "of the producer: one request per message would saturate a broker")
	flags.IntVar(&o.partitions, "partitions", 4, "of the input topic, and of the output topic")
	flags.IntVar(&o.shards, "shards", 0, "loops that share the partitions (default: the pipeline's)")
	flags.Uint64Var(&o.seed, "seed", 1, "of the messages")
	if err := b.parse(flags, args); err != nil {
		return o, err
	}
	o.lasts = time.Duration(*seconds * float64(time.Second))
	if o.rate <= 0 || o.lasts <= 0 || o.partitions < 1 || o.warmup < 0 {
		return o, fmt.Errorf("%w: rate, seconds and partitions must be positive", errUsage)
	}
	return o, nil
}

// latency measures the time from a message to its prediction.
//
// The generator is open: message n is due at a moment that was fixed beforehand, whether
// or not those before it were answered, and its latency counts from that moment. So a
// stall delays every message that falls into it, instead of hiding them (coordinated
// omission). It ends when a reader of committed records is handed the prediction.
func (b *bench) latency(ctx context.Context, args []string) error {
	o, err := b.latencyOptions(args)
	if err != nil {
		return err
	}
	before := load()
	s, err := b.open(ctx, o.servers)
	topics := []string{s.topicIn, s.output, s.output + ".dlq"}
	defer func() { s.close(topics...) }()
	if err != nil {
		return err
	}
	m, err := newMessages(o.seed)
	if err != nil {
		return err
	}
	l, err := s.live(ctx, o.partitions, o.shards)
	if err != nil {
		return err
	}
	defer l.abandon()
	r, err := s.read(s.output, readCommitted, true)
	if err != nil {
		return err
	}
	defer r.close()
	processes := []*sampler{sampleProcess(l.worker.pid()), sample("the machine", machineTime)}
	b.say("sending %.0f messages a second for %v and %v", o.rate, o.warmup, o.lasts)
	g := newGenerator(o, m)
	sent := make(chan error, 1)
	go func() { sent <- g.send(ctx, s.kafka, s.topicIn) }()
	got, err := g.receive(ctx, r, sent, l.worker)
	for _, it := range processes {
		it.end()
	}
	if err != nil {
		return err
	}
	if err := l.stop(ctx); err != nil {
		return err
	}
	out := &report{bench: "latency", settings: slices.Concat(settings{
		{"rate", o.rate}, {"seconds", o.lasts.Seconds()}, {"warmup_seconds", o.warmup.Seconds()}, {"producer_linger_ms", millis(o.linger)},
		{"message_bytes", m.bytes()}, {"partitions", o.partitions}, {"shards", l.plan.Shards}, {"model", l.plan.Model.Name + "@" + l.plan.Model.Version},
		{"from", "the moment a message was due"}, {"to", "its prediction at a read_committed reader"},
	}, b.kafkaVersions(s.given), b.machine(before))}
	got.report(out)
	for i, name := range []string{"worker_cpu", "machine_cpu"} {
		used, err := processes[i].between(g.due(g.first), g.due(g.total))
		if err != nil {
			return err
		}
		out.add(name, used.Seconds()/o.lasts.Seconds(), "cores")
	}
	return b.print(out, o.json)
}

// generator sends message n at begin + n/rate and hears of it again.
type generator struct {
	latencyOptions
	messages *messages
	total    int64
	first    int64 // the first message that counts, after the warm-up
	begin    time.Time
	late     []time.Duration // by which messages were handed to the client after they were due
}

func newGenerator(o latencyOptions, m *messages) *generator {
	first := int64(o.warmup.Seconds() * o.rate)
	// The beginning lies a little ahead, so that both sides know it before the first message.
	return &generator{latencyOptions: o, messages: m, first: first, total: first + int64(o.lasts.Seconds()*o.rate), begin: time.Now().Add(300 * time.Millisecond)}
}

// due is when message n is to be sent.
func (g *generator) due(n int64) time.Time {
	return g.begin.Add(time.Duration(float64(n) / g.rate * float64(time.Second)))
}

func (g *generator) send(ctx context.Context, k stream.Kafka, topic string) error {
	sender, err := stream.NewSender(ctx, stream.SenderOptions{Kafka: k, Topic: topic, Linger: g.linger})
	if err != nil {
		return err
	}
	key, value := make([]byte, 36), []byte(nil)
	for n := range g.total {
		g.messages.key(key, n)
		value = g.messages.value(value[:0], n)
		if wait := time.Until(g.due(n)); wait > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(wait):
			}
		}
		if err := sender.Send(ctx, key, value); err != nil {
			return err
		}
		if n >= g.first {
			g.late = append(g.late, time.Since(g.due(n)))
		}
	}
	_, err = sender.Close(ctx)
	return err
}

// latencies are what was measured.
type latencies struct {
	all  []time.Duration // sorted
	late []time.Duration // sorted
}

// receive reads predictions until all messages are answered. One that does not come
// within half a minute after the last was sent fails the benchmark.
func (g *generator) receive(ctx context.Context, r *reader, sent chan error, worker *child) (latencies, error) {
	seen := make([]bool, g.total)
	l := latencies{all: make([]time.Duration, 0, g.total)}
	deadline := time.Time{}
	for left := g.total; left > 0; {
		m, err := r.next()
		if err != nil {
			return l, fmt.Errorf("read predictions: %w", err)
		}
		if m == nil {
			select {
			case err := <-sent:
				if err != nil {
					return l, err
				}
				sent, deadline = nil, time.Now().Add(30*time.Second)
			case <-worker.exited:
				return l, worker.failure()
			case <-ctx.Done():
				return l, ctx.Err()
			default:
			}
			if !deadline.IsZero() && time.Now().After(deadline) {
				return l, fmt.Errorf("%d of %d messages were not answered", left, g.total)
			}
			continue
		}
		now := time.Now()
		n, ok := sourceID(m.Value)
		if !ok || n >= g.total || seen[n] {
			return l, fmt.Errorf("the output holds what it should not: %.200q", m.Value)
		}
		seen[n] = true
		left--
		if n >= g.first {
			l.all = append(l.all, now.Sub(g.due(n)))
		}
	}
	if sent != nil { // all answers were there before the sender said that it was done
		if err := <-sent; err != nil {
			return l, err
		}
	}
	l.late = g.late
	slices.Sort(l.all)
	slices.Sort(l.late)
	return l, nil
}

func (l latencies) report(r *report) {
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50_ms", .50}, {"p90_ms", .90}, {"p99_ms", .99}, {"p99_9_ms", .999}, {"max_ms", 1}} {
		r.add(q.name, millis(quantile(l.all, q.at)), "ms")
	}
	r.add("generator_late_p99_ms", millis(quantile(l.late, .99)), "ms")
	r.add("messages", float64(len(l.all)), "")
}

// sourceID finds the id of the message that a prediction is about, quickly: decoding
// everything would take the reader's time from the measured.
func sourceID(value []byte) (int64, bool) {
	_, rest, ok := bytes.Cut(value, []byte(`"source_id":`))
	end := bytes.IndexAny(rest, ",}")
	if !ok || end < 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(rest[:end]), 10, 64)
	return n, err == nil && n >= 0
}

// live is a stream that runs on topics of its own.
type live struct {
	*site
	plan   job.StreamPlan
	flow   *running
	worker *child
}

// live makes topics and a model, starts worker and workflow, and waits until the stream runs.
func (s *site) live(ctx context.Context, partitions, shards int) (*live, error) {
	server, err := s.serving()
	if err != nil {
		return nil, err
	}
	if err := s.champion(ctx, server); err != nil {
		return nil, err
	}
	if err := s.makeTopics(ctx, partitions, s.topicIn, s.output, s.output+".dlq"); err != nil {
		return nil, err
	}
	l := &live{site: s}
	if l.plan, err = plan(ctx, server, s.topicIn, s.output, shards); err != nil {
		return nil, err
	}
	if l.flow, err = s.infer(ctx, l.plan); err != nil {
		return nil, err
	}
	if l.worker, err = s.start(); err != nil {
		return nil, err
	}
	s.bench.say("waiting for the stream")
	for range max(1, l.plan.Shards) {
		if _, err = l.worker.runs(ctx); err != nil {
			return nil, errors.Join(err, l.worker.kill())
		}
	}
	return l, nil
}

// stop ends the stream and the worker.
func (l *live) stop(ctx context.Context) error {
	err := l.flow.stop(ctx)
	return errors.Join(err, l.worker.stop())
}

// abandon kills the worker if it still runs, as after an error.
func (l *live) abandon() {
	select {
	case <-l.worker.exited:
	default:
		if err := l.worker.kill(); err != nil {
			l.bench.say("%v", err)
		}
	}
}
