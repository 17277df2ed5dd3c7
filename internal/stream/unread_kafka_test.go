package stream

import (
	"testing"
	"time"
)

// Of a topic that transactions write, nothing is left to read though offsets are.
func TestUnreadLooksForRecordsNotForOffsets(t *testing.T) {
	t.Parallel()
	first, second := topics(t, broker(t), 2), topics(t, broker(t), 2)
	second.Topic, second.Output = first.Output, second.Topic
	const n = 300
	preload(t, first.Kafka, first.Topic, 0, n)
	r := start(t, first, engine(t, first.Topic, nil))
	r.until(t, "the first has forwarded all", func(p Progress) bool { return p.Records == n })
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil {
		t.Fatal(got.err)
	}
	ctx := within(t, 60*time.Second)
	group := GroupID(second.Pipeline)
	if unread, err := Unread(ctx, second.Kafka, group, second.Topic, []int32{0, 1}); err != nil || !unread {
		t.Fatalf("before it was read: %v, %v", unread, err)
	}
	r = start(t, second, engine(t, second.Topic, nil))
	r.until(t, "the second has read all", func(p Progress) bool { return p.Records == n })
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil {
		t.Fatal(got.err)
	}
	lag := int64(0)
	positions, err := Group(ctx, second.Kafka, group, second.Topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range positions {
		lag += p.Lag()
	}
	if unread, err := Unread(ctx, second.Kafka, group, second.Topic, []int32{0, 1}); err != nil || unread || lag == 0 {
		t.Errorf("after it was read: %v, %v, with a lag of %d", unread, err, lag)
	}
}
