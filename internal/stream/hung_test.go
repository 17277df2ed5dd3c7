package stream

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"temporal-streaming/internal/record"
)

// hangs is a broker of which one commit hangs, whatever its context says.
type hangs struct {
	*fakeKafka
	once   atomic.Bool
	free   chan struct{}
	closed chan struct{}
}

func (h *hangs) dial(l limits) (source, sink, error) {
	src, snk, err := h.fakeKafka.dial(l)
	return src, &hangingSink{sink: snk, hangs: h}, err
}

type hangingSink struct {
	sink
	hangs *hangs
	hung  bool
}

func (s *hangingSink) commit(ctx context.Context, next []int64, notes []string) error {
	if next[0] > 0 && s.hangs.once.CompareAndSwap(false, true) {
		s.hung = true
		<-s.hangs.free
		return errors.New("came back")
	}
	return s.sink.commit(ctx, next, notes)
}

func (s *hangingSink) close() {
	if s.hung {
		close(s.hangs.closed)
	}
	s.sink.close()
}

func TestCallThatHangsIsLeftBehindAndNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &hangs{fakeKafka: newFake([]int32{0}), free: make(chan struct{}), closed: make(chan struct{})}
		o := Options{Kafka: Kafka{Brokers: "memory"}, Pipeline: "tiny", Topic: "in", Output: "out", Partitions: f.parts}
		l, err := NewLoop(o, engine(t, "in", time.Now))
		if err != nil {
			t.Fatal(err)
		}
		l.wire = f
		ctx, stop := context.WithCancel(t.Context())
		f.idle = stop
		for i := range 3 {
			f.add(record.Message{Offset: int64(i), Key: fmt.Appendf(nil, "p0-%d", i), Value: []byte(`{"Amount":1}`)})
		}
		began := time.Now()
		c, err := l.Run(ctx)
		if err != nil || c.Partitions[0].Next != 3 {
			t.Fatalf("Run answered %+v, %v; want all three records committed", c, err)
		}
		if took := time.Since(began); took > commitTimeout+patience+time.Second {
			t.Errorf("it took %v to leave the call behind", took)
		}
		if len(f.visible) != 3 {
			t.Errorf("visible: %v; want each record once", f.visible)
		}
		select {
		case <-f.closed:
			t.Error("the clients were closed while a call was inside them")
		default:
		}
		close(f.free)
		<-f.closed
	})
}
