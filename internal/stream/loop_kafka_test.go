package stream

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"temporal-streaming/test/stack"
)

func TestLoopCommitsOffsetsWithPredictions(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 4)
	const n = 5000
	preload(t, o.Kafka, o.Topic, 0, n)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "all are scored", func(p Progress) bool { return p.Records == n })
	r.stop()
	got := r.wait(t, 10*time.Second)
	if got.err != nil || got.Records != n || got.Predictions != n || got.DeadLetters != 0 {
		t.Fatalf("run ended with %+v", got)
	}
	wantOnce(t, o.Kafka, o.Output, n)
	positions, err := Group(within(t, 10*time.Second), o.Kafka, GroupID(o.Pipeline), o.Topic)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range positions {
		if p.Lag() != 0 || p.Committed != got.Partitions[i].Next || p.Committed != p.End {
			t.Errorf("partition %d: committed %+v, checkpoint %+v", i, p, got.Partitions[i])
		}
	}
}

func TestAtLeastOnceCommitsOffsetsAfterPredictions(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	o.Delivery = AtLeastOnce
	preload(t, o.Kafka, o.Topic, 0, 3000)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "all are scored", func(p Progress) bool { return p.Records == 3000 })
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil {
		t.Fatal(got.err)
	}
	wantOnce(t, o.Kafka, o.Output, 3000) // without a fault, once
	if n := scored(t, o); n != 3000 {
		t.Errorf("%d offsets are committed, want 3000", n)
	}
}

func TestStreamSurvivesTheDeathOfItsBroker(t *testing.T) {
	k := broker(t)
	if servers == nil {
		t.Skip("only with a broker of its own, which it kills")
	}
	o := topics(t, k, 2)
	preload(t, k, o.Topic, 0, 1000)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "the first part is scored", func(p Progress) bool { return p.Records == 1000 })
	servers.Kill(t, stack.Kafka)
	preload(t, k, o.Topic, 1000, 2000)
	p := r.until(t, "the second part is scored", func(p Progress) bool { return p.Records == 2000 })
	if p.LastError == "" || p.LastErrorAt.IsZero() {
		t.Error("progress does not tell that Kafka was away")
	}
	r.stop()
	if got := r.wait(t, 20*time.Second); got.err != nil {
		t.Fatal(got.err)
	}
	wantOnce(t, k, o.Output, 2000)
}

func TestFencedIdCannotCommitWhenTheDivisionOfPartitionsChanges(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	whole := start(t, o, engine(t, o.Topic, nil))
	preload(t, o.Kafka, o.Topic, 0, 100)
	whole.until(t, "the old division runs", func(p Progress) bool { return p.Records == 100 })
	old := TransactionalID(o.Pipeline, o.Stage, o.Topic, o.Partitions)
	if err := Fence(within(t, 20*time.Second), o.Kafka, []string{old}); err != nil {
		t.Fatal(err)
	}
	for p := range int32(2) {
		half := o
		half.Partitions = []int32{p}
		start(t, half, engine(t, o.Topic, nil)).until(t, "half of the new division runs", func(p Progress) bool { return p.State == StateRunning })
	}
	preload(t, o.Kafka, o.Topic, 100, 1000)
	if got := whole.wait(t, 20*time.Second); !errors.Is(got.err, ErrFenced) {
		t.Fatalf("the old owner ended with %v, want ErrFenced", got.err)
	}
	ctx := within(t, 20*time.Second)
	for scored(t, o) < 1000 {
		if ctx.Err() != nil {
			t.Fatal("the new owners did not finish")
		}
	}
	wantOnce(t, o.Kafka, o.Output, 1000)
}

func TestReaderFollowsFromNow(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	preload(t, o.Kafka, o.Topic, 0, 10)
	ctx := within(t, 20*time.Second)
	r, err := NewReader(ctx, o.Kafka, o.Topic, StartLatest())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	preload(t, o.Kafka, o.Topic, 10, 20)
	for range 10 {
		rec, err := r.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if _, err := fmt.Sscanf(string(rec.Key), "id-%d", &n); err != nil || n < 10 {
			t.Errorf("read %q from before the start", rec.Key)
		}
	}
}

func TestMissingTopicIsNamed(t *testing.T) {
	t.Parallel()
	k := broker(t)
	ctx := within(t, 20*time.Second)
	if _, err := NewReader(ctx, k, "no-such-topic", StartEarliest()); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("reader: %v, want ErrUnknownTopic", err)
	}
	if _, err := NewSender(ctx, SenderOptions{Kafka: k, Topic: "no-such-topic"}); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("sender: %v, want ErrUnknownTopic", err)
	}
	c, err := Ping(ctx, k)
	if err != nil || len(c.Brokers) != 1 {
		t.Errorf("ping: %+v, %v", c, err)
	}
}
