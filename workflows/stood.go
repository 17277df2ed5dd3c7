package workflows

import (
	"cmp"
	"slices"

	"temporal-streaming/internal/job"
)

// The truth about offsets is in Kafka. What the workflow has heard of them guards against a
// broker that has forgotten some: it goes along to whoever takes the partitions next.

// learn keeps the positions of a shard's progress.
func (s *inference) learn(sh *shard, p job.Progress) {
	for _, q := range p.Partitions {
		s.keep(sh.Shard.Stage, q.Partition, q.Offset)
	}
}

// keep notes the position of one partition of a stage, in their order.
func (s *inference) keep(stage int, partition int32, offset int64) {
	if offset < 0 {
		return
	}
	at := job.Position{Stage: stage, Partition: partition}
	i, known := slices.BinarySearchFunc(s.stood, at, func(p, q job.Position) int {
		return cmp.Or(cmp.Compare(p.Stage, q.Stage), cmp.Compare(p.Partition, q.Partition))
	})
	if !known {
		s.stood = slices.Insert(s.stood, i, at)
	}
	s.stood[i].Offset = offset
}

// stands are the known positions of a shard's partitions.
func (s *inference) stands(of job.Shard) []job.Position {
	var known []job.Position
	for _, p := range s.stood {
		if p.Stage == of.Stage && slices.Contains(of.Partitions, p.Partition) {
			known = append(known, p)
		}
	}
	return known
}
