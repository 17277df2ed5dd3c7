package pipeline

import (
	"fmt"
	"slices"
)

// Stage is one hop of a record through the stream: a topic that is keyed by a column, and the features that need the history
// of that column's values. The first stage reads the source's topic; each later one reads a topic of its own, to which the
// stage before forwards the record with the features so far, keyed anew, in the transaction that holds its offset. The last
// stage has all features, and scores.
type Stage struct {
	Key      string   `json:"key"` // the column that the topic is keyed by; "" where the only stage has no state
	Topic    string   `json:"topic"`
	Features []string `json:"features"`         // those computed here from history, in the model's order
	Labels   bool     `json:"labels,omitempty"` // some of them look at labels, which the topic then holds, too
}

// Stages derives the plan: first the features of the source's key, then those of each other key in the order in which the
// keys first appear. A pipeline without state has one stage.
//
// The source's topic holds records only. A feature that looks at labels must see them in one order with the records, which
// only a topic of the stream's own can hold: so one of the source's key takes a further hop, keyed by the same column again.
func (d *Definition) Stages() []Stage {
	stages := []Stage{{Key: d.Key, Topic: d.Source.Topic}}
	if !d.hasState() {
		stages[0].Key = ""
		return stages
	}
	var hops []string
	for _, f := range d.Features {
		if f.Aggregate == "" {
			continue
		}
		i := d.stageOf(&f, &hops)
		if i == len(stages) {
			stages = append(stages, Stage{Key: f.Key, Topic: d.StageTopic(i)})
		}
		stages[i].Features = append(stages[i].Features, f.Name)
		stages[i].Labels = stages[i].Labels || f.OfLabels()
	}
	return stages
}

// stageOf answers which stage computes an aggregate, given the keys of the hops so far, to which it adds its own.
func (d *Definition) stageOf(f *Feature, hops *[]string) int {
	if f.Key == d.Key && !f.OfLabels() {
		return 0
	}
	if i := slices.Index(*hops, f.Key); i >= 0 {
		return i + 1
	}
	*hops = append(*hops, f.Key)
	return len(*hops)
}

// StageTopic is the topic that the i-th stage reads, 0 < i.
func (d *Definition) StageTopic(i int) string { return fmt.Sprintf("%s.stage-%d", d.Name, i) }
