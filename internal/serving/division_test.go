package serving

import (
	"slices"
	"testing"
)

func TestPartitionsAreDealtOutInRuns(t *testing.T) {
	got := divide([]int32{0, 1, 2, 3, 4}, 2)
	if len(got) != 2 || !slices.Equal(got[0].Partitions, []int32{0, 1}) || !slices.Equal(got[1].Partitions, []int32{2, 3, 4}) {
		t.Errorf("got %v", got)
	}
	if got := divide([]int32{7}, 4); len(got) != 1 {
		t.Errorf("one partition was dealt to %d shards", len(got))
	}
}
