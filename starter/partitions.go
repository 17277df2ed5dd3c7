package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"temporal-streaming/internal/job"
)

// partitionList writes partition numbers with runs joined: 0-3, 7.
func partitionList(partitions []int32) string {
	p := slices.Compact(slices.Sorted(slices.Values(partitions)))
	var runs []string
	for i := 0; i < len(p); {
		j := i
		for j+1 < len(p) && p[j+1] == p[j]+1 {
			j++
		}
		if j > i {
			runs = append(runs, fmt.Sprintf("%d-%d", p[i], p[j]))
		} else {
			runs = append(runs, fmt.Sprint(p[i]))
		}
		i = j + 1
	}
	if len(runs) == 0 {
		return "none"
	}
	return strings.Join(runs, ", ")
}

// shardList says which worker runs which partitions.
func shardList(shards []job.ShardStatus) string {
	parts := make([]string, len(shards))
	for i, s := range shards {
		of := ""
		if s.Shard.Stage > 0 {
			of = fmt.Sprintf(" of stage %d", s.Shard.Stage)
		}
		parts[i] = fmt.Sprintf("%d: %s%s %s", s.Shard.ID, partitionList(s.Shard.Partitions), of, s.State)
	}
	if len(parts) == 0 {
		return "none yet"
	}
	return strings.Join(parts, "; ")
}

func sortPartitions(p []partitionState) {
	slices.SortFunc(p, func(a, b partitionState) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Partition, b.Partition))
	})
}
