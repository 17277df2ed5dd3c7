package stream

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// fetching is what a connected consumer says of partitions 0, 1 ... of topic "in".
func fetching(parts ...partitionStatistics) *statistics {
	s := &statistics{
		Type: "consumer", Brokers: map[string]brokerStatistics{"b": {State: "UP"}},
		Topics: map[string]topicStatistics{"in": {Partitions: map[string]partitionStatistics{}}},
	}
	for i, p := range parts {
		p.Partition = int32(i)
		s.Topics["in"].Partitions[string(rune('0'+i))] = p
	}
	return s
}

func TestPartitionThatTheClientHasForgottenReplacesItsClients(t *testing.T) {
	l := loopOver(t, newFake([]int32{0, 1}), nil)
	for look := range int64(seizedLooks) {
		l.seen(fetching(partitionStatistics{Next: 100 + 10*look}, partitionStatistics{Next: 7}))
		err := l.stand([]standing{{ground{"in", 0}, 110 + 10*look, 110 + 10*look}, {ground{"in", 1}, 20 + look, 20 + look}})
		switch last := look == seizedLooks-1; {
		case !last && err != nil:
			t.Fatalf("look %d: %v", look, err)
		case last && !errors.Is(err, ErrStuck):
			t.Fatalf("partition 1 stands at 7 for %d looks: %v, want ErrStuck", look+1, err)
		case last && (!strings.Contains(l.health.stuck, "partition 1, where it is at 7 and records go on to 23") || l.progress(l.Now()).Stuck != l.health.stuck):
			t.Errorf("says %q", l.health.stuck)
		}
	}
	if err := l.stand([]standing{{ground{"in", 1}, 24, 24}}); err != nil {
		t.Errorf("the new client is given no time: %v", err)
	}
}

func TestPartitionThatIsNotFetchedForAReasonIsNotForgotten(t *testing.T) {
	for name, c := range map[string]struct {
		orders Orders
		at     partitionStatistics
	}{
		"paused":                 {Orders{Paused: true}, partitionStatistics{Next: 7}},
		"limited":                {Orders{PerSecond: 1}, partitionStatistics{Next: 7}},
		"records wait":           {Orders{}, partitionStatistics{Next: 7, Queued: 3}},
		"nothing to read":        {Orders{}, partitionStatistics{Next: 20}},
		"an open transaction":    {Orders{}, partitionStatistics{Next: 20, Stable: 20}},
		"no statistics till now": {},
	} {
		l := loopOver(t, newFake([]int32{0}), nil)
		l.orders = c.orders
		for range 3 * seizedLooks {
			if c.at.Next > 0 {
				l.seen(fetching(c.at))
			}
			if err := l.stand([]standing{{ground{"in", 0}, 20, 25}}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestStableOffsetThatStandsIsToldUntilItMoves(t *testing.T) {
	l := loopOver(t, newFake([]int32{0}), nil)
	told := func() string { return l.progress(l.Now()).Stuck }
	look := func(stable, end int64) {
		t.Helper()
		if err := l.stand([]standing{{ground{"out", 0}, stable, end}, {ground{"out", 1}, 5, 5}}); err != nil {
			t.Fatal(err)
		}
	}
	for end := range int64(withheldLooks - 1) {
		look(10, 11+end)
	}
	if told() != "" {
		t.Errorf("after %d looks it says %q", withheldLooks-1, told())
	}
	look(10, 40)
	if s := told(); !strings.Contains(s, "out[0] stands at 10 of 40") || strings.Contains(s, "out[1]") || !strings.Contains(s, "find-hanging") {
		t.Errorf("after %d looks it says %q", withheldLooks, s)
	}
	l.readNotes(l.Now())
	if l.health.faults[FaultWithheld] != 1 {
		t.Errorf("faults are %v", l.health.faults)
	}
	look(12, 50)
	if told() != "" {
		t.Errorf("the transaction has ended, and it still says %q", told())
	}
}

func TestIdleLoopThatIsCutOffEndsItsSession(t *testing.T) {
	away := glance{err: fmt.Errorf("list offsets: %w", kafka.NewError(kafka.ErrTimedOut, "", false))}
	fine := glance{found: []standing{{ground{"in", 0}, 5, 5}}}
	clock := time.Unix(1e9, 0)
	l := loopOver(t, newFake([]int32{0}), func() time.Time { return clock })
	for _, c := range []struct {
		what    string
		glances []glance
		each    time.Duration // that a look takes
		commits bool          // between them
		fault   Fault
	}{
		{"cut off", []glance{away, away, away, away}, lookEvery, false, FaultUnreachable},
		{"again", []glance{away, away, away}, lookEvery, false, ""},
		{"answered in between", []glance{fine, away, away, away, fine, away, away, away, fine}, lookEvery, false, ""},
		{"so busy that only looks are late", []glance{away, away, away, away, away, away}, lookEvery, true, ""},
		{"refused for a moment", []glance{fine, away, away, away, away, away, away, away, away, fine}, time.Second, false, ""},
	} {
		var err error
		for _, g := range c.glances {
			clock = clock.Add(c.each)
			if c.commits {
				l.counts.Commits++
			}
			err = errors.Join(err, l.glanced(g))
		}
		if c.fault == "" && err != nil || c.fault != "" && (err == nil || faultOf(err) != c.fault) {
			t.Errorf("%s: %v, want fault %q", c.what, err, c.fault)
		}
	}
}
