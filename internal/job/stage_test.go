package job

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func staged(partitions int) StreamPlan {
	return StreamPlan{Topic: "in", Stages: []Stage{
		{Kind: StageRecords, Topic: "in", Partitions: partitions, Key: "card"},
		{Kind: StageRecords, Topic: "p.stage-1", Partitions: partitions, Key: "shop", Labels: true},
		{Kind: StageRecords, Topic: "p.stage-2", Partitions: partitions, Key: "card", Labels: true},
		{Kind: StageLabels, Topic: "in.labels", Partitions: 3},
	}}
}

func TestAStageWritesToTheNextOfItsKind(t *testing.T) {
	p := staged(4)
	for number, want := range [][]string{{"p.stage-1"}, {"p.stage-2"}, nil, {"p.stage-1", "p.stage-2"}} {
		var got []string
		for _, s := range p.Next(number) {
			got = append(got, s.Topic)
		}
		if !slices.Equal(got, want) {
			t.Errorf("stage %d writes to %v, want %v", number, got, want)
		}
	}
	if next := (StreamPlan{Topic: "in"}).Next(0); next != nil {
		t.Errorf("a plan of one stage forwards to %v", next)
	}
}

// Each stage is divided for itself; labels have one shard; every number is given once; as many again change nothing.
func TestEveryStageIsDividedForItself(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		p := staged(1 + random.IntN(12))
		for range 5 {
			n := 1 + random.IntN(14)
			p.Shards = p.Divide(n)
			var ids []int
			for stage, s := range p.Stages {
				var parts []int32
				count, least, most := 0, s.Partitions, 0
				for _, sh := range p.Shards {
					if sh.Stage == stage {
						parts, count = append(parts, sh.Partitions...), count+1
						least, most = min(least, len(sh.Partitions)), max(most, len(sh.Partitions))
						ids = append(ids, sh.ID)
					}
				}
				want := min(n, s.Partitions)
				if s.Kind == StageLabels {
					want = 1
				}
				slices.Sort(parts)
				if count != want || most-least > 1 || len(parts) != s.Partitions || len(slices.Compact(parts)) != s.Partitions {
					t.Fatalf("seed %d: stage %d of %+v in %d: %v", seed, stage, s, n, p.Shards)
				}
			}
			slices.Sort(ids)
			if len(slices.Compact(ids)) != len(p.Shards) {
				t.Fatalf("seed %d: numbers are given twice: %v", seed, p.Shards)
			}
			if again := p.Divide(n); !slices.EqualFunc(again, p.Shards, Shard.Same) {
				t.Fatalf("seed %d: divided again into as many: %v became %v", seed, p.Shards, again)
			}
		}
	}
}
