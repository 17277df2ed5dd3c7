package stream

import (
	"errors"
	"testing"
	"time"
)

func TestClearingPendingOffsetsLeavesTheCommittedOnes(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	r := start(t, o, engine(t, o.Topic, nil))
	preload(t, o.Kafka, o.Topic, 0, 100)
	r.until(t, "all is scored", func(p Progress) bool { return p.Records == 100 })
	r.stop()
	if got := r.wait(t, 20*time.Second); got.err != nil {
		t.Fatal(got.err)
	}
	l, err := NewLoop(o, nobody{})
	if err != nil {
		t.Fatal(err)
	}
	src, snk, err := l.wire.dial(l.limits)
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	defer snk.close()
	ctx := within(t, 30*time.Second)
	if err := snk.init(ctx); err != nil {
		t.Fatal(err)
	}
	before, err := src.committed(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := snk.clear(ctx); !errors.Is(err, errSettled) {
		t.Fatal(err)
	}
	after, err := src.committed(ctx)
	if err != nil || after[0] != before[0] || after[1] != before[1] || after[0].next+after[1].next != 100 {
		t.Errorf("before %+v, after %+v, %v", before, after, err)
	}
	if regardless, err := src.unstable(ctx); err != nil || regardless[0] != before[0] || regardless[1] != before[1] {
		t.Errorf("asked without regard to open transactions: %+v, %v; want %+v", regardless, err, before)
	}
	if err := snk.begin(); err != nil {
		t.Errorf("no transaction can be begun afterwards: %v", err)
	}
}
