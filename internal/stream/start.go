package stream

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Start is where a partition begins that has no committed offset. The zero value is
// the earliest record. Once chosen it is committed at once, so that a crash before the
// first record does not choose again.
type Start struct {
	latest bool
	at     time.Time
}

// StartEarliest begins with the oldest record that the broker has.
func StartEarliest() Start { return Start{} }

// StartLatest begins with the first record that arrives after the loop has started.
func StartLatest() Start { return Start{latest: true} }

// StartAt begins with the first record whose timestamp is t or later.
func StartAt(t time.Time) Start { return Start{at: t} }

// ParseStart reads "earliest", "latest" or an RFC 3339 time; empty is earliest.
func ParseStart(text string) (Start, error) {
	switch text {
	case "", "earliest":
		return StartEarliest(), nil
	case "latest":
		return StartLatest(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return Start{}, fmt.Errorf("start %q: give earliest, latest or a time such as 2026-11-01T08:00:00Z", text)
	}
	return StartAt(t), nil
}

func (s Start) String() string {
	switch {
	case s.latest:
		return "latest"
	case s.at.IsZero():
		return "earliest"
	}
	return s.at.UTC().Format(time.RFC3339)
}

func missing(committed []int64) bool { return slices.Contains(untouched(committed), true) }

// untouched tells of which partitions nothing is committed.
func untouched(committed []int64) []bool {
	missing := make([]bool, len(committed))
	for i, next := range committed {
		missing[i] = next < 0
	}
	return missing
}

// begin answers where each partition starts if nothing is committed.
func (s *session) begin(ctx context.Context, first, end []int64) ([]int64, error) {
	begin, err := s.chosen(ctx, first, end)
	if err != nil {
		return nil, err
	}
	for i, p := range s.Partitions {
		if s.Added > 0 && p >= s.Added {
			begin[i] = first[i]
		}
	}
	return begin, nil
}

// chosen is where each partition starts by Start.
func (s *session) chosen(ctx context.Context, first, end []int64) ([]int64, error) {
	switch {
	case s.Start.latest:
		return slices.Clone(end), nil
	case s.Start.at.IsZero():
		return slices.Clone(first), nil
	}
	begin, err := s.src.since(ctx, s.Start.at)
	if err != nil {
		return nil, err
	}
	for i := range begin {
		if begin[i] < 0 { // no record is as young: with the first that comes
			begin[i] = end[i]
		}
	}
	return begin, nil
}

// resume answers where each partition goes on: at its committed offset or, where there is
// none, at begin. An offset outside the log is lost, which only a person can decide about.
func (s *session) resume(committed, first, end, begin []int64) ([]int64, error) {
	next := make([]int64, len(committed))
	for i, c := range committed {
		switch {
		case c < 0:
			next[i] = begin[i]
		case c < first[i] || c > end[i]:
			return nil, &OffsetLost{Topic: s.Topic, Partition: s.Partitions[i], Committed: c, First: first[i], End: end[i]}
		default:
			next[i] = c
		}
	}
	return next, nil
}
