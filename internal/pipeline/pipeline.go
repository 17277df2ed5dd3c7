// Package pipeline is the language in which a pipeline is declared: a YAML file that says what a record looks like, what is
// learned from it, and where it comes from and goes to. Parse turns the file into a Definition that is complete (defaults
// filled in) and valid (every rule of validate.go holds), or returns an *InvalidError that lists every problem with file,
// line, field and what to write instead.
//
// The types are plain data: workflows, activities, training and streaming share them. What travels between processes is
// the YAML itself (Definition.YAML), whose SHA-256 (Definition.Digest) names the definition.
//
// Example:
//
//	definition, err := pipeline.Parse("pipelines/creditcard.yaml", bytes)
//	for _, c := range definition.StreamSchema() { ... }   // the columns that a message must have
package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Definition is one pipeline.
type Definition struct {
	Name        string    `yaml:"name"`
	Description string    `yaml:"description"`
	Schema      []Column  `yaml:"schema"`
	ID          string    `yaml:"id"`         // the column that identifies a record; "" where its key or coordinates do
	Key         string    `yaml:"key"`        // the column by whose value the source's partitions are chosen; "" where no feature has state
	EventTime   EventTime `yaml:"event_time"` // when a record happened; needed by features that look at time
	OrderBy     string    `yaml:"order_by"`   // the column by which training rows are split, never at random; default: the event time
	Label       Label     `yaml:"label"`
	Labels      Arrival   `yaml:"labels"` // how labels become known to features: delayed (the default) or as_they_arrive
	Source      Source    `yaml:"source"`
	Features    []Feature `yaml:"features"` // in the order of the model's inputs
	Model       Model     `yaml:"model"`
	Training    Training  `yaml:"training"`
	Search      Search    `yaml:"search"`
	Threshold   Threshold `yaml:"threshold"`
	Decision    Decision  `yaml:"decision"`
	Gates       Gates     `yaml:"gates"`
	Report      Report    `yaml:"report"`
	Stream      Stream    `yaml:"stream"`
	Sink        Sink      `yaml:"sink"`

	yaml []byte
}

// Model says which network is trained and how.
type Model struct {
	Kind         string     `yaml:"kind"`           // mlp
	Hidden       []int      `yaml:"hidden"`         // units of each hidden layer
	Members      int        `yaml:"members"`        // networks whose probabilities are averaged, each with a seed of its own
	SignedLog    []string   `yaml:"signed_log"`     // features that enter as sign(x) ln(1+|x|)
	Ratios       [][]string `yaml:"ratios"`         // pairs of features: log(1+a) - log(1+b) of each pair is a further input
	Clip         float64    `yaml:"clip"`           // standardised inputs are cut at this many standard deviations
	Bins         int        `yaml:"bins"`           // piecewise-linear encoding: intervals per feature between training quantiles; 0: none
	Tails        []float64  `yaml:"tail_quantiles"` // further edges of that encoding, where few rows are
	Epochs       int        `yaml:"epochs"`         // at most
	Batch        int        `yaml:"batch"`          // rows per step
	LearningRate float64    `yaml:"learning_rate"`  // at the start
	WeightDecay  float64    `yaml:"weight_decay"`
	Dropout      float64    `yaml:"dropout"`  // share of hidden units left out per step
	Patience     int        `yaml:"patience"` // epochs without improvement on the validation part before training stops
	Seed         int64      `yaml:"seed"`
}

// ClassWeight says how the rare class is given its weight in training.
type ClassWeight string

const (
	Balanced   ClassWeight = "balanced" // both classes weigh the same in sum
	Unweighted ClassWeight = "none"
)

// Stop says when the training of a network ends, and which of its epochs is kept.
type Stop string

const (
	StopEarly Stop = "early" // after model.patience epochs without a better validation part; the best epoch is kept
	StopNever Stop = "never" // after model.epochs; the last one is kept, at the end of the learning rate's fall
)

// Loss is what training makes small.
type Loss string

const (
	CrossEntropy Loss = "cross_entropy"
	Focal        Loss = "focal" // rows that are judged well count less, by training.focal_gamma
)

// Training says how the rows are divided and weighed.
type Training struct {
	Span           Span        `yaml:"span"` // only rows of the last so much time are learned from; older ones are history for features
	Split          Split       `yaml:"split"`
	ClassWeight    ClassWeight `yaml:"class_weight"`
	PositiveWeight float64     `yaml:"positive_weight"` // emphasis on a positive row while fitting; the probabilities do not keep it
	NegativeWeight float64     `yaml:"negative_weight"` // rows of the world that one negative row of the data stands for
	NegativeShare  float64     `yaml:"negative_share"`  // of the negative rows that an epoch takes, others each time; they weigh so much more
	Loss           Loss        `yaml:"loss"`
	FocalGamma     float64     `yaml:"focal_gamma"` // of the focal loss
	Stop           Stop        `yaml:"stop"`
}

// Split gives the shares of the rows, in order of time. They sum to 1.
type Split struct {
	Train      float64 `yaml:"train"`
	Validation float64 `yaml:"validation"`
	Test       float64 `yaml:"test"`
}

// ThresholdPolicy says how the decision threshold is chosen on the validation part.
type ThresholdPolicy string

const (
	MaxF1            ThresholdPolicy = "max_f1"
	PrecisionAtLeast ThresholdPolicy = "precision_at_least" // the highest recall with this precision
	RecallAtLeast    ThresholdPolicy = "recall_at_least"    // the highest precision with this recall
)

// Threshold is a policy, and the value that it aims at (none for max_f1).
type Threshold struct {
	Policy ThresholdPolicy `yaml:"policy"`
	Value  float64         `yaml:"value"`
}

// Decision names the two outcomes in predictions.
type Decision struct {
	Positive string `yaml:"positive"`
	Negative string `yaml:"negative"`
}

// Gates are what a new model must pass before it may serve.
type Gates struct {
	MinAveragePrecision float64 `yaml:"min_average_precision"`
	MinAUC              float64 `yaml:"min_auc"`
	MaxAPDrop           float64 `yaml:"max_ap_drop"`    // below the champion's average precision on the same rows
	MaxParityGap        float64 `yaml:"max_parity_gap"` // between the scorer, the training code and the exported file
	MinRowsPerSecond    float64 `yaml:"min_rows_per_second"`
}

// Report says what the report on a training tells rows apart by. All are columns of the schema, and all may be left out.
type Report struct {
	Group  string `yaml:"group"`  // rows of one value are alike, as a card's are: intervals are drawn over values; default: the key
	Amount string `yaml:"amount"` // what a row is worth
	Kind   string `yaml:"kind"`   // which kind of positive a positive row is, as found out later
}

// Delivery is what the stream guarantees for each record.
type Delivery string

const (
	ExactlyOnce Delivery = "exactly-once"
	AtLeastOnce Delivery = "at-least-once"
)

// Stream says how the stream runs.
type Stream struct {
	Shards         int           `yaml:"shards"`
	Delivery       Delivery      `yaml:"delivery"`
	CommitInterval time.Duration `yaml:"commit_interval"`
	Segment        time.Duration `yaml:"segment"`   // how long one activity attempt runs before it hands on a checkpoint
	MaxBatch       int           `yaml:"max_batch"` // records scored together, at most
}

// SinkKind is where predictions go.
type SinkKind string

const (
	Kafka   SinkKind = "kafka"
	Console SinkKind = "console"
)

// Sink is the way out.
type Sink struct {
	Kind        SinkKind `yaml:"kind"`
	Topic       string   `yaml:"topic"`
	DeadLetters string   `yaml:"dead_letters"` // default: the source's topic with ".dlq"
}

// YAML returns the bytes that Parse was given. They are the Definition's own: read only.
func (d *Definition) YAML() []byte { return d.yaml }

// Digest is the SHA-256 of the YAML in hexadecimal. A comment changes it too: it names the file, not its meaning.
func (d *Definition) Digest() string {
	sum := sha256.Sum256(d.yaml)
	return hex.EncodeToString(sum[:])
}
