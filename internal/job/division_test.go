package job

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestShardsThatFitAreKept(t *testing.T) {
	two := Divide(nil, []int32{0, 1, 2, 3}, 2)
	three := Divide(two, []int32{0, 1, 2, 3}, 3)
	if len(three) != 3 || !three[0].Same(two[0]) || len(three[1].Partitions) != 1 || len(three[2].Partitions) != 1 {
		t.Errorf("from %v to %v: want the first kept and the second divided", two, three)
	}
	back := Divide(three, []int32{0, 1, 2, 3}, 2)
	if len(back) != 2 || !back[0].Same(two[0]) || !slices.Equal(back[1].Partitions, two[1].Partitions) {
		t.Errorf("from %v back to %v", three, back)
	}
	if one := Divide(nil, []int32{7}, 4); len(one) != 1 {
		t.Errorf("one partition was dealt to %d shards", len(one))
	}
}

func TestEveryPartitionHasOneShardAndSizesAreEven(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 0))
		count := 1 + random.IntN(40)
		partitions := make([]int32, count)
		for i := range partitions {
			partitions[i] = int32(i)
		}
		var now []Shard
		for range 5 {
			n := 1 + random.IntN(50)
			before := now
			now = Divide(now, partitions, n)
			var all []int32
			var ids []int
			least, most := count, 0
			for _, s := range now {
				all = append(all, s.Partitions...)
				ids = append(ids, s.ID)
				least, most = min(least, len(s.Partitions)), max(most, len(s.Partitions))
			}
			slices.Sort(all)
			slices.Sort(ids)
			if !slices.Equal(all, partitions) || len(slices.Compact(ids)) != len(now) || most-least > 1 || len(now) != min(n, count) {
				t.Fatalf("seed %d: %d shards of %d partitions: %v, from %v", seed, n, count, now, before)
			}
			if again := Divide(now, partitions, n); !slices.EqualFunc(again, now, Shard.Same) {
				t.Fatalf("seed %d: divided again into as many: %v became %v", seed, now, again)
			}
		}
	}
}
