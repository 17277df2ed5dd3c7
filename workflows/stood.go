package workflows

import (
	"cmp"
	"slices"

	"temporal-streaming/internal/job"
)

// The truth about offsets is in Kafka. What the workflow has heard of them guards against a
// broker that has forgotten some: it goes along to whoever takes the partitions next.

// learn keeps the positions of a progress.
func (s *inference) learn(p job.Progress) {
	for _, q := range p.Partitions {
		s.keep(q.Partition, q.Offset)
	}
}

// keep notes the position of one partition, in their order.
func (s *inference) keep(partition int32, offset int64) {
	if offset < 0 {
		return
	}
	i, known := slices.BinarySearchFunc(s.stood, partition, func(p job.Position, n int32) int { return cmp.Compare(p.Partition, n) })
	if !known {
		s.stood = slices.Insert(s.stood, i, job.Position{Partition: partition})
	}
	s.stood[i].Offset = offset
}

// stands are the known positions of some partitions.
func (s *inference) stands(partitions []int32) []job.Position {
	var known []job.Position
	for _, p := range s.stood {
		if slices.Contains(partitions, p.Partition) {
			known = append(known, p)
		}
	}
	return known
}
