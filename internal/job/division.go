package job

import (
	"cmp"
	"slices"
)

// Divide deals the partitions of every stage out to n shards each. Labels are few and are
// only copied: one shard has all of their partitions.
func (p StreamPlan) Divide(n int) []Shard {
	if len(p.Stages) == 0 {
		return Divide(p.Shards, p.Partitions(), n)
	}
	var shards []Shard
	for i, stage := range p.Stages {
		if stage.Kind == StageLabels {
			n = 1
		}
		partitions := make([]int32, stage.Partitions)
		for k := range partitions {
			partitions[k] = int32(k)
		}
		now, others := p.of(i)
		shards = append(shards, divide(i, now, append(others, shards...), partitions, n)...)
	}
	return shards
}

// of are the shards of a stage, and the others.
func (p StreamPlan) of(stage int) (its, others []Shard) {
	for _, s := range p.Shards {
		if s.Stage == stage {
			its = append(its, s)
		} else {
			others = append(others, s)
		}
	}
	return its, others
}

// Divide deals partitions out to n shards, or to one for each partition if there are fewer.
// Shards differ by one partition at most. Those of now that have a fitting size are kept;
// the others' partitions are dealt out in runs of neighbours.
func Divide(now []Shard, partitions []int32, n int) []Shard {
	return divide(0, now, nil, partitions, n)
}

// divide gives new shards numbers that the others do not have either.
func divide(stage int, now, others []Shard, partitions []int32, n int) []Shard {
	n = max(1, min(n, len(partitions)))
	small, large := len(partitions)/n, len(partitions)%n // sizes: large shards of small+1, the others of small
	var kept []Shard
	taken := map[int32]bool{}
	keep := func(size, most int) {
		for _, s := range now {
			if len(s.Partitions) == size && most > 0 && size > 0 && !taken[s.Partitions[0]] && subset(s.Partitions, partitions) {
				kept = append(kept, s)
				for _, p := range s.Partitions {
					taken[p] = true
				}
				most--
			}
		}
	}
	keep(small+1, large)
	larger := len(kept)
	keep(small, n-large)

	free := slices.DeleteFunc(slices.Clone(partitions), func(p int32) bool { return taken[p] })
	shards := slices.Clone(kept)
	for i := range n - len(kept) {
		size := small
		if i < large-larger {
			size++
		}
		shards = append(shards, Shard{ID: freeID(slices.Concat(others, shards)), Stage: stage, Partitions: slices.Clone(free[:size])})
		free = free[size:]
	}
	slices.SortFunc(shards, func(a, b Shard) int { return cmp.Compare(a.Partitions[0], b.Partitions[0]) })
	return shards
}

func subset(some, all []int32) bool {
	for _, p := range some {
		if !slices.Contains(all, p) {
			return false
		}
	}
	return true
}

// freeID is the lowest number that no shard has.
func freeID(shards []Shard) int {
	id := 0
	for slices.ContainsFunc(shards, func(s Shard) bool { return s.ID == id }) {
		id++
	}
	return id
}

// Same reports whether two shards are one: the same partitions of a stage under the same number.
func (s Shard) Same(other Shard) bool {
	return s.ID == other.ID && s.Stage == other.Stage && slices.Equal(s.Partitions, other.Partitions)
}
