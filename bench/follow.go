package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"temporal-streaming/bench/internal/ledger"
)

// follower is a reader of committed predictions that notes when they came. It goes on
// while the broker is away.
type follower struct {
	begun time.Time
	stop  context.CancelFunc
	done  chan struct{}
	way   func(from, to int32) int32 // nil: from

	mu   sync.Mutex
	seen map[int32][]arrival // by input partition, or by way, in the order of arrival
	err  error
}

// arrival is one or several predictions of a partition that came within a millisecond.
// Times count from the beginning.
type arrival struct {
	at     time.Duration // of the first
	event  time.Duration // the latest time of a message that they are about
	scored time.Duration // the latest time at which one says it was scored
}

// follow begins with the predictions that come from now on. Where several partitions of the input lead to each of the output,
// way numbers the pairs of the two, each of which is then followed by itself.
func (s *site) follow(ctx context.Context, topic string, way func(from, to int32) int32) (*follower, error) {
	r, err := s.read(topic, readCommitted, true)
	if err != nil {
		return nil, err
	}
	f := &follower{begun: time.Now(), done: make(chan struct{}), way: way, seen: map[int32][]arrival{}}
	ctx, f.stop = context.WithCancel(ctx)
	go func() {
		defer close(f.done)
		defer r.close()
		for ctx.Err() == nil {
			m, err := r.next()
			if err != nil {
				f.fail(err)
				return
			}
			if m != nil {
				f.enter(time.Now(), m.TopicPartition.Partition, m.Value)
			}
		}
	}()
	return f, nil
}

func (f *follower) enter(at time.Time, to int32, value []byte) {
	p, err := ledger.Decode(value)
	if err != nil {
		return // the ledger tells of it at the end
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := arrival{at: at.Sub(f.begun), event: p.EventTime.Sub(f.begun), scored: p.ScoredAt.Sub(f.begun)}
	way := p.Partition
	if f.way != nil {
		way = f.way(p.Partition, to)
	}
	list := f.seen[way]
	if last := len(list) - 1; last >= 0 && now.at-list[last].at < time.Millisecond {
		list[last].event, list[last].scored = max(list[last].event, now.event), max(list[last].scored, now.scored)
		return
	}
	f.seen[way] = append(list, now)
}

func (f *follower) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = fmt.Errorf("follow the output: %w", err)
}

// failed is why the reading ended, if it did.
func (f *follower) failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// close ends the reading and answers what went wrong with it.
func (f *follower) close() error {
	f.stop()
	<-f.done
	return f.failed()
}

// renewed answers when each of some partitions had output that was scored after a
// moment: what a worker that died at that moment cannot have made. Sums of times with
// milliseconds are rounded down, so the moment is rounded up.
func (f *follower) renewed(partitions []int32, after time.Time) (at []time.Time, all bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from, moment := after.Sub(f.begun), after.Sub(f.begun)+time.Millisecond
	for _, p := range partitions {
		list := f.seen[p]
		i := since(list, from)
		for i < len(list) && list[i].scored < moment {
			i++
		}
		if i == len(list) {
			return at, false
		}
		at = append(at, f.begun.Add(list[i].at))
	}
	return at, true
}

// caughtUp tells whether every partition has answered a message that was sent after a moment.
func (f *follower) caughtUp(partitions []int32, after time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range partitions {
		list := f.seen[p]
		if len(list) == 0 || list[len(list)-1].event <= after.Sub(f.begun) {
			return false
		}
	}
	return true
}

// silence is the longest time without output that some of the partitions had, and that
// began between two moments or was under way at the first, from which it then counts. A
// partition that is silent to this day has been so until now.
func (f *follower) silence(partitions []int32, from, until time.Time) (longest time.Duration) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range partitions {
		longest = max(longest, longestGap(f.seen[p], from.Sub(f.begun), until.Sub(f.begun), now.Sub(f.begun)))
	}
	return longest
}

func longestGap(list []arrival, from, until, now time.Duration) time.Duration {
	last, longest := from, time.Duration(0)
	for _, a := range list[since(list, from):] {
		if last > until {
			return longest
		}
		longest = max(longest, a.at-last)
		last = a.at
	}
	if last <= until {
		longest = max(longest, now-last)
	}
	return longest
}

// since is the index of the first arrival at or after a moment.
func since(list []arrival, moment time.Duration) int {
	i, _ := slices.BinarySearchFunc(list, moment, func(a arrival, t time.Duration) int { return cmp.Compare(a.at, t) })
	return i
}

// await looks at something until it is so.
func (f *follower) await(ctx context.Context, what string, within time.Duration, so func() bool) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(within); !so(); {
		select {
		case <-f.done:
			return fmt.Errorf("wait until %s: %w", what, f.failed())
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, ctx.Err())
		case <-ticker.C:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %v", what, within)
		}
	}
	return nil
}
