package stream

import (
	"testing"
	"time"
)

func TestLoopCommitsOffsetsWithPredictions(t *testing.T) {
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
