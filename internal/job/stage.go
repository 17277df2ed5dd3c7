package job

// StageKind says what a stage's loops do with what they read.
type StageKind string

const (
	StageRecords StageKind = "records" // compute features of records, and forward or score them
	StageLabels  StageKind = "labels"  // copy labels to the stages that look at them
)

// Stage is one topic that a stream reads. The first stage reads the source. Each later one of
// records reads what the one before forwards to it. The one of labels, if there is one, is the
// last of the list, and writes to every stage that looks at labels.
type Stage struct {
	Kind       StageKind `json:"kind"`
	Topic      string    `json:"topic"`
	Partitions int       `json:"partitions"`
	Key        string    `json:"key,omitempty"`    // the column that a record's partition is chosen by
	Labels     bool      `json:"labels,omitempty"` // the topic holds labels beside records
}

// Stage is where a shard of the plan reads; a plan without stages has one.
func (p StreamPlan) Stage(number int) Stage {
	if number < len(p.Stages) {
		return p.Stages[number]
	}
	return Stage{Kind: StageRecords, Topic: p.Topic, Partitions: len(p.Partitions())}
}

// Next are the stages that a stage writes to. The last stage of records has none: it scores.
func (p StreamPlan) Next(number int) []Stage {
	var next []Stage
	labels := p.Stage(number).Kind == StageLabels
	for i, s := range p.Stages {
		if s.Kind == StageRecords && (labels && s.Labels || !labels && i == number+1) {
			next = append(next, s)
		}
	}
	return next
}

// Partitions are those of the source that shards own.
func (p StreamPlan) Partitions() []int32 {
	var all []int32
	for _, s := range p.Shards {
		if s.Stage == 0 {
			all = append(all, s.Partitions...)
		}
	}
	return all
}
