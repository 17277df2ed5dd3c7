package stream

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// TestOffsetsAreAskedForAgainWhileALeaderChanges: a broker says of a partition a few times that another leads it, as one does that leads it
// no more or not yet, and then answers. Where it refuses the first of two questions, the client's own call says that the partition is empty.
func TestOffsetsAreAskedForAgainWhileALeaderChanges(t *testing.T) {
	b := newLonely(t)
	c, err := kafka.NewConsumer(Kafka{Brokers: b.Addr().String()}.client("test", kafka.ConfigMap{"group.id": "g", "log_level": 0}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	topic := "in"
	parts := []kafka.TopicPartition{{Topic: &topic}}
	for refused := range int64(7) {
		b.refuses.Store(refused)
		first, end, err := bounds(context.Background(), c, parts, 10_000)
		if err != nil || !slices.Equal(first, []int64{10}) || !slices.Equal(end, []int64{20}) {
			t.Errorf("bounds, refused %d times: %d, %d, %v, want 10, 20", refused, first, end, err)
		}
		if left := b.refuses.Load(); left >= 0 {
			t.Errorf("answered with %d refusals to go", left)
		}
	}
	for at, want := range map[time.Time]int64{time.UnixMilli(1004): 14, time.UnixMilli(5000): int64(kafka.OffsetEnd), time.UnixMilli(-1): 10} {
		b.refuses.Store(3)
		if got, err := since(context.Background(), c, parts, at, 10_000); err != nil || !slices.Equal(got, []int64{want}) {
			t.Errorf("first since %s: %d, %v, want %d", at.UTC(), got, err, want)
		}
		if left := b.refuses.Load(); left >= 0 {
			t.Errorf("answered with %d refusals to go", left)
		}
	}

	b.refuses.Store(1 << 40)
	begun := time.Now()
	if first, end, err := bounds(context.Background(), c, parts, 300); err == nil {
		t.Errorf("bounds %d, %d though nobody leads", first, end)
	} else if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("%v after %v, asked for 300 ms", err, took)
	}
}
