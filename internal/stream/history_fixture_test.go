package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
)

// chain is a processor whose answer to a record tells of all records of the partition
// before it: a hash of their offsets and values. It panics on "panic", and then has taken half of it in.
type chain struct {
	known    map[int32]uint64
	absorbed int
}

func (c *chain) add(m *record.Message) uint64 {
	h := c.known[m.Partition]
	for _, b := range fmt.Appendf(nil, "%d %s;", m.Offset, m.Value) {
		h = (h ^ uint64(b)) * 0x100000001b3
	}
	c.known[m.Partition] = h
	if string(m.Value) == "panic" {
		panic("on purpose")
	}
	return h
}

func (c *chain) Process(in []record.Message, out *score.Output) {
	for i := range in {
		out.Results = append(out.Results, score.Result{Input: i, Kind: score.KindForward, To: int(c.add(&in[i]) % 2), Partition: int32(c.known[in[i].Partition] >> 40 & 1023)})
	}
}

func (c *chain) Absorb(in []record.Message) {
	c.absorbed += len(in)
	for i := range in {
		c.add(&in[i])
	}
}

func (c *chain) Inherit(before any) error {
	b, ok := before.(*chain)
	if !ok {
		return errors.New("of another kind")
	}
	c.known = b.known
	return nil
}

// shelf is a History in memory: it keeps what was known at every n-th turn.
type shelf struct {
	every, turns int
	taken        map[int32][]kept // in the order of offsets
	pending      map[int32][]kept
	origins      map[int32]int64
	fail         int // the next loads fail
	log          []string
}

type kept struct {
	at    int64
	known uint64
}

func newShelf(every int) *shelf {
	return &shelf{every: every, taken: map[int32][]kept{}, pending: map[int32][]kept{}, origins: map[int32]int64{}}
}

func (s *shelf) Load(_ context.Context, p Processor, wants []Want) error {
	s.pending = map[int32][]kept{}
	if s.fail > 0 {
		s.fail--
		return errors.New("the store is away")
	}
	for i := range wants {
		w, c := &wants[i], p.(*chain)
		if w.Fresh {
			s.origins[w.Partition] = w.Next
		}
		w.At = s.origins[w.Partition]
		delete(c.known, w.Partition)
		for _, k := range s.taken[w.Partition] {
			if k.at <= w.Next && k.at >= w.First {
				w.At, c.known[w.Partition] = k.at, k.known
			}
		}
		if w.At < w.First {
			return fmt.Errorf("partition %d: %w", w.Partition, ErrHistoryLost)
		}
		s.log = append(s.log, fmt.Sprintf("load %d: %d of %d", w.Partition, w.At, w.Next))
	}
	return nil
}

func (s *shelf) Turn(p Processor, partitions []int32, at []int64) {
	if s.turns++; s.every == 0 || s.turns%s.every != 0 {
		return
	}
	for i, n := range partitions {
		s.pending[n] = append(s.pending[n], kept{at[i], p.(*chain).known[n]})
	}
}

func (s *shelf) Committed(partitions []int32, next []int64) {
	for i, n := range partitions {
		for _, k := range s.pending[n] {
			if k.at <= next[i] {
				s.taken[n] = append(s.taken[n], k)
			}
		}
		s.pending[n] = slices.DeleteFunc(s.pending[n], func(k kept) bool { return k.at <= next[i] })
	}
}

func (s *shelf) Close() { s.log = append(s.log, "close") }

// remembering makes a loop of a chain over a fake broker.
func remembering(t *testing.T, f *fakeKafka, h History, batch int) (*Loop, *chain, context.Context) {
	t.Helper()
	clock := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	c := &chain{known: map[int32]uint64{}}
	l, err := NewLoop(Options{
		Kafka: Kafka{Brokers: "memory"}, Pipeline: "tiny", Topic: "in", Output: "out", Partitions: f.parts, MaxBatch: batch,
		Forward: []string{"next", "other"}, History: h, Now: func() time.Time { return clock },
	}, c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	f.idle, l.wire = stop, f
	l.sleep = func(_ context.Context, d time.Duration) { clock = clock.Add(d) }
	return l, c, ctx
}

// expected is what a chain that nothing ever happened to sends on.
func expected(f *fakeKafka, from int64) map[string]int {
	want, c := map[string]int{}, &chain{known: map[int32]uint64{}}
	for _, p := range f.parts {
		for _, m := range f.log[p][from:] {
			if string(m.Value) == "panic" {
				want[fmt.Sprintf("dlq[%d] %q %d bytes reason=panic offset=%d", p, m.Key, len(m.Value), m.Offset)]++
				continue
			}
			h := c.add(&m)
			want[fmt.Sprintf("forward %d[%d]", h%2, h>>40&1023)]++
		}
	}
	return want
}

func compare(t *testing.T, f *fakeKafka, want map[string]int) {
	t.Helper()
	got := map[string]int{}
	for _, v := range f.visible {
		got[v]++
	}
	for v, n := range want {
		if got[v] != n {
			t.Errorf("%s: visible %d times, want %d", v, got[v], n)
		}
	}
	for v, n := range got {
		if want[v] != n {
			t.Errorf("%s: visible %d times, want %d", v, n, want[v])
		}
	}
}
