package stream

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestOlderAnswerOfTheBrokerIsNotBelieved(t *testing.T) {
	f := newFake([]int32{0})
	u := startUnderOrders(t, f, Orders{Generation: 1})
	u.read(0, 5)
	u.ends(t)
	right := f.offsets[0]
	f.offsets[0] = mark{next: 2, note: note{Format: 1, Generation: 1}} // as it was a while ago

	l, err := NewLoop(Options{
		Kafka: Kafka{Brokers: "memory"}, Pipeline: "tiny", Topic: "in", Output: "out", Partitions: f.parts,
		Orders: Orders{Generation: 1}, Stood: []Position{{Partition: 0, Next: 4}},
	}, engine(t, "in", time.Now))
	if err != nil {
		t.Fatal(err)
	}
	l.wire = f
	asked := 0
	l.sleep = func(context.Context, time.Duration) {
		if asked++; asked == 3 { // the broker was started once more
			f.offsets[0] = right
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	f.idle = stop
	c, err := l.Run(ctx)
	if err != nil || c.Partitions[0].Next != 5 || asked < 3 || !strings.Contains(l.progress(l.Now()).LastError, "it says that 2 is committed, and 4 was") {
		t.Errorf("%+v, %v after %d tries, last error %q; want it to wait for the right answer, 5", c, err, asked, l.progress(l.Now()).LastError)
	}
	if n := len(f.visible); n != 5 {
		t.Errorf("%d predictions are visible, want 5", n)
	}
}

func TestOffsetsThatWereMovedOnPurposeAreBelieved(t *testing.T) {
	for name, moved := range map[string]mark{
		"by a seek":            {next: 2, note: note{Format: 1, Generation: 2, Since: 2, Seek: "x", Before: 5}},
		"by hand":              {next: 2, note: note{Generation: unordered}},
		"not moved, and newer": {next: 9, note: note{Format: 1, Generation: 2}},
	} {
		l, err := NewLoop(Options{
			Kafka: Kafka{Brokers: "memory"}, Pipeline: "tiny", Topic: "in", Output: "out", Partitions: []int32{0}, Stood: []Position{{Partition: 0, Next: 4}},
		}, nobody{})
		if err != nil {
			t.Fatal(err)
		}
		if err := newSession(l, nil, nil).behind(0, moved); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
