package stream

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"temporal-streaming/internal/record"
)

// dealer is a source that deals the logs of its partitions out in whatever order.
type dealer struct {
	source
	r      *rand.Rand
	logs   [][]record.Message
	next   []int
	ends   []int64
	silent int // this partition says that it holds more, and gives nothing
	lent   [][]byte
	clock  time.Time
}

func (d *dealer) poll(in []record.Message, max, _ int, wait time.Duration) ([]record.Message, error) {
	for _, b := range d.lent {
		clear(b)
	}
	d.lent = d.lent[:0]
	d.clock = d.clock.Add(wait)
	p := d.r.IntN(len(d.logs))
	for n := d.r.IntN(30); n > 0 && d.next[p] < len(d.logs[p]) && len(in) < max && p != d.silent; n-- {
		m := d.logs[p][d.next[p]]
		m.Value = bytes.Clone(m.Value)
		d.lent = append(d.lent, m.Value)
		in = append(in, m)
		d.next[p]++
	}
	return in, nil
}

func (d *dealer) end(p int32) int64 { return d.ends[p] }

func deal(seed uint64) (*dealer, *merger) {
	r := rand.New(rand.NewPCG(seed, 3))
	d := &dealer{r: r, logs: make([][]record.Message, 4), next: make([]int, 4), ends: make([]int64, 4), silent: -1, clock: time.Unix(1, 0)}
	for i := range 2000 {
		p := r.IntN(4)
		d.logs[p] = append(d.logs[p], record.Message{Partition: int32(p), Offset: int64(len(d.logs[p])), Timestamp: int64(i / 3), Value: fmt.Append(nil, i)})
	}
	for p := range d.logs {
		d.ends[p] = int64(len(d.logs[p]))
	}
	return d, newMerger(d, []int32{0, 1, 2, 3}, []int32{0, 1, 2, 3}, func() time.Time { return d.clock })
}

// drain polls until all is there, and looks at the bytes before it polls again.
func drainMerger(t *testing.T, d *dealer, m *merger, want int) (got []record.Message) {
	t.Helper()
	for polls := 0; len(got) < want; polls++ {
		if polls > 100_000 {
			t.Fatalf("%d of %d records came", len(got), want)
		}
		in, err := m.poll(nil, 1+d.r.IntN(50), 1<<20, 100*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range in {
			r.Value = bytes.Clone(r.Value)
			got = append(got, r)
		}
	}
	return got
}

func TestBacklogOfSeveralPartitionsComesInTheOrderOfTime(t *testing.T) {
	for seed := range uint64(50) {
		d, m := deal(seed)
		got := drainMerger(t, d, m, 2000)
		if !slices.IsSortedFunc(got, func(a, b record.Message) int { return int(a.Timestamp - b.Timestamp) }) {
			t.Fatalf("seed %d: not in the order of time", seed)
		}
		next := make([]int64, 4)
		for _, r := range got {
			if r.Offset != next[r.Partition] || !bytes.Equal(r.Value, d.logs[r.Partition][r.Offset].Value) {
				t.Fatalf("seed %d: partition %d gives offset %d with %q, want offset %d", seed, r.Partition, r.Offset, r.Value, next[r.Partition])
			}
			next[r.Partition]++
		}
		if m.bytes != 0 {
			t.Errorf("seed %d: %d bytes are held of nothing", seed, m.bytes)
		}
	}
}

// The end of a log may be a mark that nobody reads, or the records of a transaction that was aborted.
func TestPartitionThatGivesNothingHoldsNobodyUp(t *testing.T) {
	d, m := deal(1)
	d.silent = 2
	got := drainMerger(t, d, m, 2000-len(d.logs[2]))
	if !slices.IsSortedFunc(got, func(a, b record.Message) int { return int(a.Timestamp - b.Timestamp) }) {
		t.Error("the others are not in the order of time")
	}
	if waited := d.clock.Sub(time.Unix(1, 0)); waited > 5*time.Second {
		t.Errorf("the silent partition was waited for again and again, %s in all", waited)
	}
}

func TestMergerHoldsABoundedBacklog(t *testing.T) {
	d, m := deal(2)
	d.silent, m.most = 1, 4000
	m.now = func() time.Time { return time.Unix(1, 0) } // patience never ends
	for range 40 {
		if _, err := m.poll(nil, 10, 1<<20, time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if m.bytes > m.most+60*100 {
			t.Fatalf("%d bytes are held, at most %d are allowed", m.bytes, m.most)
		}
	}
}
