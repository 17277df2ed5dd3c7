package stream

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// resolver is one of the pipeline that o describes.
func resolver(o Options) Resolver {
	return Resolver{Kafka: o.Kafka, Pipeline: o.Pipeline, Topic: o.Topic, DeadLetters: o.DeadLetters, By: "ann", Why: "a test", Patience: 10 * time.Second}
}

// dying runs a loop over these messages until all are dead letters, and stops it.
func dying(t *testing.T, partitions int, values map[string][]byte) Options {
	t.Helper()
	o := topics(t, broker(t), partitions)
	poison(t, o, values)
	drain(t, o, 600+int64(len(values)))
	return o
}

// drain runs a loop until it has dealt with n records since it started.
func drain(t *testing.T, o Options, n int64) {
	t.Helper()
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, fmt.Sprintf("%d records are dealt with", n), func(p Progress) bool { return p.Records == n })
	r.stop()
	if got := r.wait(t, 20*time.Second); got.err != nil {
		t.Fatal(got.err)
	}
}

func book(t *testing.T, o Options) *DeadLetters {
	t.Helper()
	d, err := ReadDeadLetters(within(t, 30*time.Second), o.Kafka, o.DeadLetters, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// of is the case of the record with this key.
func of(t *testing.T, d *DeadLetters, key string) *Case {
	t.Helper()
	for _, c := range d.Cases() {
		if string(c.Letter().KeyHead) == key && c.RetryOf == nil {
			return c
		}
	}
	t.Fatalf("no dead letter of %s", key)
	return nil
}

// copies are the records with this key in the input, in order.
func copies(t *testing.T, o Options, key string) []Record {
	t.Helper()
	var all []Record
	for _, r := range contents(t, o.Kafka, o.Topic) {
		if string(r.Key) == key {
			all = append(all, r)
		}
	}
	return all
}

// always is a fix that makes a record which can be scored.
func always(context.Context, DeadLetter, []byte) ([]byte, error) {
	return []byte(`{"Amount":9.5}`), nil
}

func resolveOne(t *testing.T, r Resolver, action Action, at Place, fix Fix) Resolved {
	t.Helper()
	done, err := r.Resolve(within(t, 60*time.Second), action, []Place{at}, fix)
	if err != nil || len(done) != 1 {
		t.Fatalf("%v: %+v", err, done)
	}
	return done[0]
}
