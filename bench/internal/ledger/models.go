package ledger

import (
	"cmp"
	"fmt"
	"slices"
)

// Change is an order that put a model version in force, with its receipt: predictions of
// a partition from that offset on are the version's, until a later change says otherwise.
type Change struct {
	Generation int64
	Version    string
	From       map[int32]int64 // by input partition: the first offset
}

// reign is the time of a version in one partition.
type reign struct {
	from    int64
	version string
}

// Models tells which versions had to score what: first from the beginning, then those of
// the changes by their generation. Receipts that contradict each other are an error: a
// later generation cannot govern from an earlier offset.
func (l *Ledger) Models(first string, partitions []int32, changes []Change) error {
	l.reigns = map[int32][]reign{}
	for _, p := range partitions {
		l.reigns[p] = []reign{{0, first}}
	}
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.Generation, b.Generation) })
	for _, c := range changes {
		for _, p := range partitions {
			from, ok := c.From[p]
			if !ok {
				return fmt.Errorf("the receipt of generation %d says nothing of partition %d", c.Generation, p)
			}
			last := l.reigns[p][len(l.reigns[p])-1]
			if from < last.from {
				return fmt.Errorf("generation %d governs partition %d from offset %d, before an earlier one does (%d)", c.Generation, p, from, last.from)
			}
			l.reigns[p] = append(l.reigns[p], reign{from, c.Version})
		}
	}
	return nil
}

// model is the version that had to score a record: the last whose reign had begun.
func (l *Ledger) model(partition int32, offset int64) (version string, known bool) {
	reigns := l.reigns[partition]
	i, _ := slices.BinarySearchFunc(reigns, offset, func(r reign, offset int64) int {
		if r.from <= offset {
			return -1
		}
		return 1
	})
	if i == 0 {
		return "", false
	}
	return reigns[i-1].version, true
}
