package job

import (
	"cmp"
	"slices"
)

// Divide deals partitions out to n shards, or to one for each partition if there are fewer.
// Shards differ by one partition at most. Those of now that have a fitting size are kept;
// the others' partitions are dealt out in runs of neighbours.
func Divide(now []Shard, partitions []int32, n int) []Shard {
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
		shards = append(shards, Shard{ID: freeID(shards), Partitions: slices.Clone(free[:size])})
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

// Same reports whether two shards are one: the same partitions under the same number.
func (s Shard) Same(other Shard) bool {
	return s.ID == other.ID && slices.Equal(s.Partitions, other.Partitions)
}
