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
	Key      string // the column that the topic is keyed by; "" where the only stage has no state
	Topic    string
	Features []string // those computed here from history, in the model's order
}

// Stages derives the plan: first the features of the source's key, then those of each other key in the order in which the
// keys first appear. A pipeline without state has one stage.
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
		i := slices.IndexFunc(stages, func(s Stage) bool { return s.Key == f.Key })
		if i < 0 {
			i = len(stages)
			stages = append(stages, Stage{Key: f.Key, Topic: fmt.Sprintf("%s.stage-%d", d.Name, i)})
		}
		stages[i].Features = append(stages[i].Features, f.Name)
	}
	return stages
}
