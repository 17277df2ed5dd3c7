package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/record"
)

// underOrders is a loop on a broker in memory, of which a test gives orders between runs of
// records: it adds records, waits until they are read, orders, and so on.
type underOrders struct {
	*Loop
	fake  *fakeKafka
	clock time.Time
	idle  chan struct{} // sent to, and received from, when everything was read
	end   chan error
	stop  context.CancelFunc
}

func startUnderOrders(t *testing.T, f *fakeKafka, o Orders) *underOrders {
	t.Helper()
	u := &underOrders{fake: f, clock: time.Unix(1_800_000_000, 0), idle: make(chan struct{}), end: make(chan error, 1)}
	now := func() time.Time { return u.clock }
	l, err := NewLoop(Options{
		Kafka: Kafka{Brokers: "memory"}, Pipeline: "tiny", Topic: "in", Output: "out", Partitions: f.parts, Now: now,
		Model: "tiny", ModelVersion: "1", Orders: o,
	}, engine(t, "in", now))
	if err != nil {
		t.Fatal(err)
	}
	l.wire, u.Loop = f, l
	l.sleep = func(_ context.Context, d time.Duration) { u.clock = u.clock.Add(d) }
	ctx, cancel := context.WithCancel(t.Context())
	u.stop = cancel
	f.idle = func() {
		select {
		case u.idle <- struct{}{}:
			<-u.idle
		default:
		}
	}
	go func() {
		_, err := l.Run(ctx)
		u.end <- err
	}()
	t.Cleanup(cancel)
	return u
}

// read gives the loop n more records of a partition and waits until it has read them.
func (u *underOrders) read(p int32, n int) {
	<-u.idle
	for range n {
		offset := int64(len(u.fake.records(p)))
		u.fake.add(record.Message{
			Partition: p, Offset: offset, Key: fmt.Appendf(nil, "p%d-%d", p, offset), Value: []byte(`{"Amount":1}`),
		})
	}
	u.idle <- struct{}{}
	<-u.idle
	u.idle <- struct{}{}
}

// ends stops the loop and answers how Run ended.
func (u *underOrders) ends(t *testing.T) {
	t.Helper()
	u.stop()
	if err := <-u.end; err != nil {
		t.Fatal(err)
	}
}

func TestSwapTakesEffectAtTheReceiptsOffset(t *testing.T) {
	f := newFake([]int32{0, 1})
	u := startUnderOrders(t, f, Orders{Generation: 1})
	u.read(0, 3)
	r, err := u.Obey(t.Context(), Orders{Generation: 2, Processor: engineOf(t, "2", "in", u.Now), Model: "tiny", ModelVersion: "2"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Took{{Partition: 0, Since: 3, Next: 3, Before: 3}, {Partition: 1, Since: 0, Next: 0, Before: 0}}
	if r.Generation != 2 || !slices.Equal(r.Partitions, want) {
		t.Fatalf("receipt %+v, want generation 2 and %+v", r, want)
	}
	u.read(0, 2)
	again, err := u.Obey(t.Context(), Orders{Generation: 2})
	if err != nil || again.Partitions[0].Since != 3 || again.Partitions[0].Next != 5 {
		t.Errorf("given again, the receipt is %+v, %v; want since 3, next 5", again, err)
	}
	if _, err := u.Obey(t.Context(), Orders{Generation: 1}); !errors.Is(err, ErrOutdated) {
		t.Errorf("older orders: %v, want ErrOutdated", err)
	}
	u.ends(t)
	if got := f.offsets[0]; got.next != 5 || got.Generation != 2 || got.Since != 3 {
		t.Errorf("committed %+v, want offset 5 of generation 2 since 3", got)
	}
}

func TestSuccessorKnowsSinceWhenOrdersAreInForce(t *testing.T) {
	f := newFake([]int32{0})
	first := startUnderOrders(t, f, Orders{Generation: 4})
	first.read(0, 2)
	if _, err := first.Obey(t.Context(), Orders{Generation: 5}); err != nil {
		t.Fatal(err)
	}
	first.read(0, 2)
	first.ends(t)

	second := startUnderOrders(t, f, Orders{Generation: 5})
	r, err := second.Stand(t.Context())
	if err != nil || r.Partitions[0].Since != 2 || r.Partitions[0].Next != 4 {
		t.Errorf("the successor answers %+v, %v; want since 2, next 4", r, err)
	}
	second.ends(t)

	old := startUnderOrders(t, f, Orders{Generation: 4})
	if err := <-old.end; !errors.Is(err, ErrOutdated) {
		t.Errorf("a loop with older orders ended with %v, want ErrOutdated", err)
	}
}

func TestPausedLoopReadsNothingUntilItIsResumed(t *testing.T) {
	f := newFake([]int32{0})
	u := startUnderOrders(t, f, Orders{Generation: 1})
	u.read(0, 1)
	if _, err := u.Obey(t.Context(), Orders{Generation: 2, Paused: true}); err != nil {
		t.Fatal(err)
	}
	f.add(record.Message{Offset: 1, Key: []byte("late"), Value: []byte(`{"Amount":1}`)})
	r, err := u.Stand(t.Context())
	if err != nil || r.Partitions[0].Next != 1 {
		t.Fatalf("paused, it stands at %+v, %v; want 1", r.Partitions, err)
	}
	if _, err := u.Obey(t.Context(), Orders{Generation: 3}); err != nil {
		t.Fatal(err)
	}
	u.read(0, 1)
	u.ends(t)
	if f.offsets[0].next != 3 {
		t.Errorf("resumed, it committed %d, want 3", f.offsets[0].next)
	}
}

func TestSeekIsDoneOnceAndToldFromWhereToWhere(t *testing.T) {
	f := newFake([]int32{0, 1})
	u := startUnderOrders(t, f, Orders{Generation: 1})
	u.read(0, 4)
	u.read(1, 2)
	back := Orders{Generation: 2, Seek: &Seek{ID: "again", Positions: []Position{{Partition: 0, Next: 1}}}}
	r, err := u.Obey(t.Context(), back)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Partitions[0]; got != (Took{Partition: 0, Since: 1, Next: 1, Before: 4}) {
		t.Errorf("partition 0: %+v, want since 1, next 1, before 4", got)
	}
	if got := r.Partitions[1]; got.Since != 2 || got.Next != 2 {
		t.Errorf("partition 1, which was not named: %+v, want it to stay at 2", got)
	}
	u.read(0, 0)
	u.ends(t)
	if n := strings.Count(strings.Join(f.visible, "\n"), `"p0-2"`); n != 2 {
		t.Errorf("record 2 was scored %d times, want twice: once before the seek and once after", n)
	}
	successor := startUnderOrders(t, f, back)
	if r, err := successor.Stand(t.Context()); err != nil || r.Partitions[0].Next != 4 {
		t.Errorf("the successor stands at %+v, %v; want 4: the seek was done already", r.Partitions, err)
	}
	successor.ends(t)
}

func TestSeekRescuesALostOffset(t *testing.T) {
	f := newFake([]int32{0})
	for i := range 5 {
		f.add(record.Message{Offset: int64(i), Key: fmt.Appendf(nil, "p0-%d", i), Value: []byte(`{"Amount":1}`)})
	}
	f.offsets[0], f.first = mark{next: 1, note: note{Generation: 1}}, 3
	u := startUnderOrders(t, f, Orders{Generation: 1})
	if err := <-u.end; !errors.Is(err, ErrOffsetLost) {
		t.Fatalf("Run ended with %v, want ErrOffsetLost", err)
	}
	rescued := startUnderOrders(t, f, Orders{Generation: 2, Seek: &Seek{ID: "accept the gap", Positions: []Position{{Partition: 0, Next: 3}}}})
	r, err := rescued.Stand(t.Context())
	if err != nil || r.Partitions[0].Since != 3 || r.Partitions[0].Before != 1 {
		t.Errorf("it stands at %+v, %v; want since 3, before 1", r.Partitions, err)
	}
	rescued.ends(t)
}

func TestRetiredOwnerCannotComeBack(t *testing.T) {
	f := newFake([]int32{0})
	u := startUnderOrders(t, f, Orders{Generation: 1})
	u.read(0, 3)
	u.ends(t)
	retired, err := NewLoop(u.Options, nobody{})
	if err != nil {
		t.Fatal(err)
	}
	retired.orders.Generation, retired.wire = 2, f
	src, snk, err := f.dial(limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := newSession(retired, src, snk).retire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.offsets[0]; got.next != 3 || got.Generation != 2 || got.Since != 3 {
		t.Errorf("the retired owner's offset is %+v, want 3 of generation 2", got)
	}
	zombie := startUnderOrders(t, f, Orders{Generation: 1})
	if err := <-zombie.end; !errors.Is(err, ErrOutdated) {
		t.Errorf("the retired owner came back and ended with %v, want ErrOutdated", err)
	}
}
