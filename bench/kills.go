package main

import (
	"context"
	"fmt"
	"time"

	"temporal-streaming/internal/stream"
)

// underKills sends all messages and kills the worker on the way. It returns the moments
// of the kills, and who came after each.
func (l *live) underKills(ctx context.Context, o killOptions, m *messages) (kills []time.Time, successors []*child, err error) {
	l.bench.say("sending %s messages at %.0f a second", thousands(fmt.Sprint(o.records)), o.rate)
	sent := make(chan error, 1)
	begun := time.Now()
	go func() { sent <- sendAll(ctx, l.kafka, l.topicIn, m, o) }()
	for i, after := range o.moments() {
		select {
		case <-time.After(time.Until(begun.Add(after))):
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		kills = append(kills, time.Now())
		if err := l.worker.kill(); err != nil {
			return nil, nil, err
		}
		if l.worker, err = l.start(); err != nil {
			return nil, nil, err
		}
		successors = append(successors, l.worker)
		l.bench.say("  kill -9 number %d, %.1f s after the first message", i+1, after.Seconds())
	}
	return kills, successors, <-sent
}

func sendAll(ctx context.Context, k stream.Kafka, topic string, m *messages, o killOptions) error {
	sender, err := stream.NewSender(ctx, stream.SenderOptions{Kafka: k, Topic: topic, Rate: o.rate})
	if err != nil {
		return err
	}
	key, value := make([]byte, 36), []byte(nil)
	for n := range o.records {
		m.key(key, n)
		value = m.value(value[:0], n)
		if err := sender.Send(ctx, key, value); err != nil {
			return err
		}
	}
	_, err = sender.Close(ctx)
	return err
}

// complete waits until every message's offset is committed.
func (l *live) complete(ctx context.Context) error {
	l.bench.say("all sent; waiting for the last commit")
	ends, err := l.ends(l.topicIn, l.plan.Partitions())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if _, err = l.watch(ctx, l.plan, ends, 100*time.Millisecond); err != nil {
		return fmt.Errorf("%w; the worker said:\n%s", err, l.worker.said)
	}
	return nil
}

// arrived is when committed predictions became visible, to the millisecond.
type arrived struct {
	at  []time.Time
	err error
}

func follow(ctx context.Context, r *reader) (a arrived) {
	for ctx.Err() == nil {
		m, err := r.next()
		if err != nil {
			a.err = fmt.Errorf("follow the output: %w", err)
			return a
		}
		if now := time.Now(); m != nil && (len(a.at) == 0 || now.Sub(a.at[len(a.at)-1]) > time.Millisecond) {
			a.at = append(a.at, now)
		}
	}
	return a
}

func reportKills(r *report, c count, kills []time.Time, successors []*child, arrivals []time.Time) {
	r.add("lost", float64(c.lost), "records")
	r.add("repeated", float64(c.repeated), "records")
	r.add("out_of_order", float64(c.reordered), "records")
	r.add("foreign", float64(c.foreign+c.malformed), "records")
	worst := time.Duration(0)
	for i, kill := range kills {
		until := arrivals[len(arrivals)-1]
		if i+1 < len(kills) {
			until = kills[i+1]
		}
		gap := gapAfter(kill, until, arrivals)
		worst = max(worst, gap)
		number := setting{"kill", i + 1}
		r.add("gap_s", gap.Seconds(), "s", number)
		select {
		case at := <-successors[i].running:
			r.add("until_loop_runs_s", at.Sub(kill).Seconds(), "s", number)
		default: // it was killed before that
		}
	}
	if len(kills) > 0 {
		r.add("worst_gap_s", worst.Seconds(), "s")
	}
}

// gapAfter is the longest silence in the committed output that a kill, or what came of
// it before until, began; it counts from the kill on.
func gapAfter(kill, until time.Time, arrivals []time.Time) time.Duration {
	last, longest := kill, time.Duration(0)
	for _, at := range arrivals {
		if at.Before(kill) {
			continue
		}
		if last.After(until) {
			break
		}
		longest = max(longest, at.Sub(last))
		last = at
	}
	return longest
}
