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
	for _, f := range d.Features {
		if f.Aggregate == "" {
			continue
		}
		i := 0
		if f.Key != d.Key || f.Aggregate.OfLabels() {
			i = slices.IndexFunc(stages[1:], func(s Stage) bool { return s.Key == f.Key }) + 1
			if i == 0 {
				i = len(stages)
				stages = append(stages, Stage{Key: f.Key, Topic: d.StageTopic(i)})
			}
		}
		stages[i].Features = append(stages[i].Features, f.Name)
		stages[i].Labels = stages[i].Labels || f.Aggregate.OfLabels()
	}
	return stages
}

// StageTopic is the topic that the i-th stage reads, 0 < i.
func (d *Definition) StageTopic(i int) string { return fmt.Sprintf("%s.stage-%d", d.Name, i) }
