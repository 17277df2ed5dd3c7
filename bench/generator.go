package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/stream"
	"temporal-streaming/internal/stream/crossing"
)

// generator sends message n at begin + n/rate and hears of it again.
type generator struct {
	latencyOptions
	messages *messages
	*counting
	begin time.Time
	late  []time.Duration // by which messages were handed to the client after they were due
}

func newGenerator(o latencyOptions, m *messages, warm <-chan struct{}) *generator {
	// The beginning lies a little ahead, so that both sides know it before the first message.
	g := &generator{latencyOptions: o, messages: m, counting: newCounting(int64(o.lasts.Seconds()*o.rate), warm), begin: time.Now().Add(300 * time.Millisecond)}
	g.late = make([]time.Duration, 0, g.many)
	return g
}

// due is when message n is to be sent.
func (g *generator) due(n int64) time.Time {
	return g.begin.Add(time.Duration(float64(n) / g.rate * float64(time.Second)))
}

// send lets messages gather that fall due within the linger, and hands them over together: at any rate the generator must leave the
// machine to those that are measured. A message that the broker does not take fails the benchmark.
func (g *generator) send(ctx context.Context, k stream.Kafka, topic string) error {
	fail := func(err error) error { return fmt.Errorf("send to %s: %w", topic, err) }
	to, err := newBatches(k, topic)
	if err != nil {
		return fail(err)
	}
	defer to.client.Close()
	var together []*kgo.Record
	for n := int64(0); g.more(n) && to.failure() == nil; {
		if now := time.Now(); g.due(n).After(now) {
			if err := sleep(ctx, max(g.due(n).Sub(now), g.tick(now))); err != nil {
				return fail(err)
			}
		}
		from := n
		for now := time.Now(); g.more(n) && !g.due(n).After(now) && len(together) < mostTogether; n++ {
			r := to.record()
			g.messages.key(r.Key, n)
			r.Value = g.messages.value(r.Value[:0], n)
			together = append(together, r)
		}
		to.send(ctx, together)
		together = together[:0]
		for now := time.Now(); from < n; from++ {
			if g.counts(from) {
				g.late = append(g.late, now.Sub(g.due(from)))
			}
		}
	}
	if err := to.flush(ctx); err != nil {
		return fail(err)
	}
	return nil
}

// tick is how long it is to the next multiple of the linger. A sleep of the linger itself would end later each time, by what the timer and
// the work took, and gather for longer than it says.
func (g *generator) tick(now time.Time) time.Duration {
	if g.linger <= 0 {
		return 0
	}
	return g.linger - now.Sub(g.begin)%g.linger
}

// mostTogether bounds what a generator that was held up hands over at once.
const mostTogether = 4096

// latencies are what was measured.
type latencies struct {
	all  []time.Duration // sorted
	late []time.Duration // sorted
	warm time.Duration   // how long was sent before

	process, machine float64 // cores: of the program that streams, and of everything
}

// receive reads predictions until all messages are answered. One that does not come
// within half a minute after the last was sent fails the benchmark.
func (g *generator) receive(ctx context.Context, r *reader, sent chan error, worker *child) (latencies, error) {
	var seen []bool // by message
	l := latencies{all: make([]time.Duration, 0, g.many)}
	deadline := time.Time{}
	poller, err := crossing.NewPoller(r.c)
	if err != nil {
		return l, fmt.Errorf("read predictions: %w", err)
	}
	defer poller.Close()
	var in []record.Message
	for got := int64(0); got < g.total.Load(); {
		var event *crossing.Event
		if in, event, err = poller.Poll(in[:0], 4096, 16<<20, 100*time.Millisecond); err == nil && event != nil && event.Err.IsFatal() {
			err = event.Err
		}
		if err != nil {
			return l, fmt.Errorf("read predictions: %w", err)
		}
		if len(in) == 0 {
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
				return l, fmt.Errorf("%d of %d messages were not answered", g.total.Load()-got, g.total.Load())
			}
			continue
		}
		now := time.Now()
		for i := range in {
			n, ok := sourceID(in[i].Value)
			if !ok || n >= g.total.Load() || g.due(n).After(now) {
				return l, fmt.Errorf("the output holds what was never sent: %.200q", in[i].Value)
			}
			for int64(len(seen)) <= n {
				seen = append(seen, false)
			}
			if seen[n] {
				return l, fmt.Errorf("the output holds twice: %.200q", in[i].Value)
			}
			seen[n] = true
			got++
			if g.counts(n) {
				l.all = append(l.all, now.Sub(g.due(n)))
			}
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

// messageNumber finds the number of a message, which is its id, at the end of its value.
func messageNumber(value []byte) (int64, error) {
	_, rest, ok := bytes.Cut(value, []byte(`"id":`))
	n, err := strconv.ParseInt(string(bytes.TrimSuffix(rest, []byte("}"))), 10, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("the input holds what was never sent: %.100q", value)
	}
	return n, nil
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
