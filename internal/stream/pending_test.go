package stream

import (
	"context"
	"temporal-streaming/internal/record"
	"testing"
	"testing/synctest"
	"time"
)

// pendingOffsets is a broker that does not tell the group's offsets until they are cleared.
type pendingOffsets struct {
	*fakeKafka
	cleared bool
	lost    bool // the coordinator has lost track: clearing does not help
}

func (p *pendingOffsets) dial(l limits) (source, sink, error) {
	src, snk, err := p.fakeKafka.dial(l)
	return &pendingSource{src, p}, &pendingSink{snk, p}, err
}

type pendingSource struct {
	source
	of *pendingOffsets
}

func (s *pendingSource) committed(ctx context.Context) ([]mark, error) {
	if !s.of.cleared || s.of.lost {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.source.committed(ctx)
}

type pendingSink struct {
	sink
	of *pendingOffsets
}

func (s *pendingSink) clear(ctx context.Context) error {
	s.of.cleared = true
	return s.sink.clear(ctx)
}

func TestOffsetsThatNobodyWillEverEndAreCleared(t *testing.T) { begins(t, false) }

func TestCoordinatorThatHasLostTrackIsAskedForWhatIsCommitted(t *testing.T) { begins(t, true) }

func begins(t *testing.T, lost bool) {
	synctest.Test(t, func(t *testing.T) {
		f := &pendingOffsets{fakeKafka: newFake([]int32{0}), lost: lost}
		l, err := NewLoop(Options{Kafka: Kafka{Brokers: "memory"}, Pipeline: "tiny", Topic: "in", Output: "out", Partitions: f.parts}, engine(t, "in", time.Now))
		if err != nil {
			t.Fatal(err)
		}
		l.wire = f
		ctx, stop := context.WithCancel(t.Context())
		f.idle = stop
		if c, err := l.Run(ctx); err != nil || c.Partitions[0].Next != 0 {
			t.Errorf("Run answered %+v, %v; want it to have begun", c, err)
		}
	})
}

// TestResultsOfOffsetsThatWereClearedAwayStand: the results of a transaction were told, and its offsets not.
func TestResultsOfOffsetsThatWereClearedAwayStand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &pendingOffsets{fakeKafka: newFake([]int32{0})}
		f.offsets[0], f.proven = mark{next: 0, note: note{Format: 1}}, []int64{2}
		for i := range int64(3) {
			f.add(record.Message{Offset: i, Timestamp: 1, Key: []byte("a"), Value: []byte(`{"Amount":1}`)})
		}
		l, err := NewLoop(Options{
			Kafka: Kafka{Brokers: "memory"}, Pipeline: "tiny", Topic: "in", Output: "out", Partitions: f.parts, StillOwner: owner(true),
		}, engine(t, "in", time.Now))
		if err != nil {
			t.Fatal(err)
		}
		l.wire = f
		ctx, stop := context.WithCancel(t.Context())
		f.idle = stop
		if c, err := l.Run(ctx); err != nil || c.Records != 1 || c.Partitions[0].Next != 3 {
			t.Errorf("Run answered %+v, %v; want the third record scored, and no other again", c, err)
		}
	})
}
