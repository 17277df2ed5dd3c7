package pipeline

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// validate returns every broken rule. Each of its parts checks one section of the file.
func (d *Definition) validate() []Problem {
	var c checks
	c.that(pipelineName.MatchString(d.Name), "name",
		"%q: write lower-case letters, digits, - and _, a letter first, at most 63", d.Name)
	columns := c.schema(d)
	c.time(d, columns)
	c.label(d, columns)
	features := c.features(d, columns)
	c.model(&d.Model, features)
	c.training(&d.Training)
	c.span(d)
	c.search(d)
	c.decisions(d)
	c.gates(&d.Gates)
	c.report(d, columns)
	c.stream(&d.Stream)
	c.that(!d.hasState() || d.Stream.Delivery != AtLeastOnce, "stream.delivery",
		"%s: what is repeated would be counted twice in the history of its key; write exactly-once", d.Stream.Delivery)
	c.topics(d)
	return c.problems
}

// The name becomes part of workflow ids, group ids and transactional ids.
var pipelineName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// Kafka's own rule for topics.
var topicName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

// checks collects problems.
type checks struct {
	problems []Problem
	hops     []string       // keys of the stages after the first, as far as the features that are checked need them
	known    map[string]int // by feature: the stage from which on it is known
}

// that notes a problem with the field unless the rule holds.
func (c *checks) that(holds bool, field, message string, args ...any) {
	if !holds {
		c.problems = append(c.problems, Problem{Field: field, Message: fmt.Sprintf(message, args...)})
	}
}

// between checks a number's range; NaN lies in none.
func (c *checks) between(v, low, high float64, field string) {
	c.that(v >= low && v <= high, field, "%v: write a number from %v to %v", v, low, high)
}

func (c *checks) whole(v, low, high int, field string) {
	c.that(v >= low && v <= high, field, "%d: write a whole number from %d to %d", v, low, high)
}

func (c *checks) duration(v, low, high time.Duration, field string) {
	c.that(v >= low && v <= high, field, "%v: write a duration from %v to %v", v, low, high)
}

// oneOf checks a word against those allowed.
func oneOf[T ~string](c *checks, v T, field string, allowed ...T) {
	words := make([]string, len(allowed))
	for i, a := range allowed {
		if words[i] = string(a); a == "" {
			words[i] = "nothing"
		}
	}
	c.that(slices.Contains(allowed, v), field, "%q: write %s", string(v), strings.Join(words, " or "))
}

// schema returns the columns by name.
func (c *checks) schema(d *Definition) map[string]Type {
	c.that(len(d.Schema) > 0, "schema", "has no columns; list them as {name: Amount, type: float}")
	columns := make(map[string]Type, len(d.Schema))
	for i, column := range d.Schema {
		field := fmt.Sprintf("schema[%d]", i)
		c.that(column.Name != "", field+".name", "is missing; give the column the name that it has in the data")
		_, twice := columns[column.Name]
		c.that(!twice, field+".name", "%q appears twice; remove one of them", column.Name)
		c.that(column.Type.valid(), field+".type",
			"%q: write text, int, decimal(2) (or another number of places, 0 to %d), float, time or bool", string(column.Type), MaxPlaces)
		columns[column.Name] = column.Type
	}
	return columns
}

func (c *checks) model(m *Model, features map[string]bool) {
	oneOf(c, m.Kind, "model.kind", "mlp")
	c.that(len(m.Hidden) <= 8, "model.hidden", "has %d layers; write at most 8", len(m.Hidden))
	for i, units := range m.Hidden {
		c.whole(units, 1, 4096, fmt.Sprintf("model.hidden[%d]", i))
	}
	for i, name := range m.SignedLog {
		c.that(features[name], fmt.Sprintf("model.signed_log[%d]", i), "%q is no feature; name one of them", name)
	}
	for i, pair := range m.Ratios {
		field := fmt.Sprintf("model.ratios[%d]", i)
		c.that(len(pair) == 2 && pair[0] != pair[1], field, "write two different features, as [AMOUNT, MEAN]")
		for _, name := range pair {
			c.that(features[name], field, "%q is no feature; name one of them", name)
		}
	}
	c.whole(m.Members, 1, 64, "model.members")
	c.between(m.Clip, 1, 1e6, "model.clip")
	c.whole(m.Epochs, 1, 10_000, "model.epochs")
	c.whole(m.Bins, 0, 1024, "model.bins")
	c.tails(m)
	c.whole(m.Batch, 1, 1<<16, "model.batch")
	c.between(m.LearningRate, 1e-9, 1, "model.learning_rate")
	c.between(m.WeightDecay, 0, 100, "model.weight_decay")
	c.between(m.Dropout, 0, 0.95, "model.dropout")
	c.whole(m.Patience, 1, 10_000, "model.patience")
}

func (c *checks) training(t *Training) {
	s := t.Split
	for _, part := range []struct {
		field string
		share float64
	}{{"train", s.Train}, {"validation", s.Validation}, {"test", s.Test}} {
		c.that(part.share > 0 && part.share < 1, "training.split."+part.field, "%v: write a share between 0 and 1", part.share)
	}
	sum := s.Train + s.Validation + s.Test
	c.that(math.Abs(sum-1) < 1e-9, "training.split", "the shares sum to %v; make them sum to 1", math.Round(sum*1e9)/1e9)
	oneOf(c, t.ClassWeight, "training.class_weight", Balanced, Unweighted)
	c.between(t.PositiveWeight, 1e-6, 1e6, "training.positive_weight")
	c.that(t.ClassWeight != Balanced || t.PositiveWeight == 1, "training.positive_weight",
		"%v beside class_weight: balanced, which sets it already; remove one of them", t.PositiveWeight)
	c.between(t.NegativeWeight, 1e-6, 1e6, "training.negative_weight")
	c.between(t.NegativeShare, 1e-4, 1, "training.negative_share")
	oneOf(c, t.Loss, "training.loss", CrossEntropy, Focal)
	c.between(t.FocalGamma, 0, 10, "training.focal_gamma")
	oneOf(c, t.Stop, "training.stop", StopEarly, StopNever)
}

// tails lie between the last of the bins' own edges and 1.
func (c *checks) tails(m *Model) {
	c.that(len(m.Tails) == 0 || m.Bins > 0, "model.tail_quantiles", "are edges of bins, and there are none; write bins: 8, too")
	c.that(len(m.Tails) <= 64, "model.tail_quantiles", "has %d quantiles; write at most 64", len(m.Tails))
	low := 1 - 1/float64(max(m.Bins, 1))
	for i, q := range m.Tails {
		c.that(q > low && q < 1, fmt.Sprintf("model.tail_quantiles[%d]", i), "%v: write a number above %v and below 1", q, low)
		low = q
	}
}

func (c *checks) decisions(d *Definition) {
	t := d.Threshold
	oneOf(c, t.Policy, "threshold.policy", MaxF1, PrecisionAtLeast, RecallAtLeast)
	if t.Policy == PrecisionAtLeast || t.Policy == RecallAtLeast {
		c.that(t.Value > 0 && t.Value <= 1, "threshold.value", "%v: write the %s to reach, above 0 and at most 1",
			t.Value, strings.TrimSuffix(string(t.Policy), "_at_least"))
	} else {
		c.that(t.Value == 0, "threshold.value", "%v has no meaning for %s; remove it", t.Value, t.Policy)
	}
	c.that(d.Decision.Positive != "", "decision.positive", "is empty; name the outcome, such as fraud")
	c.that(d.Decision.Negative != "", "decision.negative", "is empty; name the outcome, such as genuine")
	c.that(d.Decision.Positive != d.Decision.Negative, "decision", "both outcomes are called %q; tell them apart", d.Decision.Positive)
}

func (c *checks) gates(g *Gates) {
	c.between(g.MinAveragePrecision, 0, 1, "gates.min_average_precision")
	c.between(g.MinAUC, 0, 1, "gates.min_auc")
	c.between(g.MaxAPDrop, 0, 1, "gates.max_ap_drop")
	c.between(g.MaxParityGap, 0, 1, "gates.max_parity_gap")
	c.between(g.MinRowsPerSecond, 0, 1e9, "gates.min_rows_per_second")
}

func (c *checks) report(d *Definition, columns map[string]Type) {
	r := d.Report
	c.that(r.Group == d.Key || columns[r.Group].identifies(), "report.group", "%q is no int, text or bool column of the schema; name the one whose rows are alike", r.Group)
	c.that(r.Amount == "" || columns[r.Amount] == Float || columns[r.Amount].exact(), "report.amount", "%q is no column of the schema with numbers; name the one that holds what a row is worth", r.Amount)
	c.that(r.Kind == "" || columns[r.Kind] == Int, "report.kind", "%q is no int column of the schema; name the one that numbers the kinds", r.Kind)
	needed := []string{d.ID, d.Key, d.EventTime.Column, d.OrderBy, d.Label.Column, d.Label.KnownAt, r.Group, r.Amount}
	for _, f := range d.Features {
		needed = append(needed, f.columns()...)
	}
	for i, column := range d.Schema {
		c.that(!column.Optional || !slices.Contains(needed, column.Name), fmt.Sprintf("schema[%d].optional", i),
			"%s is needed by more than report.kind, and a data set without it could not be used; remove optional", column.Name)
	}
}

func (c *checks) stream(s *Stream) {
	c.whole(s.Shards, 1, 1024, "stream.shards")
	oneOf(c, s.Delivery, "stream.delivery", ExactlyOnce, AtLeastOnce)
	c.duration(s.CommitInterval, time.Millisecond, 30*time.Second, "stream.commit_interval")
	c.duration(s.Segment, time.Second, time.Hour, "stream.segment")
	c.whole(s.MaxBatch, 1, 100_000, "stream.max_batch")
}

func (c *checks) topics(d *Definition) {
	oneOf(c, d.Source.Format, "source.format", "json")
	err := d.Source.Start.Validate()
	c.that(err == nil, "source.start", "%v", err)
	oneOf(c, d.Sink.Kind, "sink.kind", Kafka, Console)
	c.topic(d.Source.Topic, "source.topic")
	if d.Sink.DeadLetters != defaultDeadLetters(d.Source.Topic) { // else what is said of the source is enough
		c.topic(d.Sink.DeadLetters, "sink.dead_letters")
	}
	c.that(d.Source.Topic == "" || d.Sink.DeadLetters != d.Source.Topic, "sink.dead_letters", "is the source's topic: dead letters would be read again; write another")
	if d.Sink.Kind == Console && d.Sink.Topic == "" {
		return
	}
	c.topic(d.Sink.Topic, "sink.topic")
	c.that(d.Sink.Topic != d.Source.Topic, "sink.topic", "is the source's topic: predictions would be scored again; write another")
	c.that(d.Sink.Topic != d.Sink.DeadLetters, "sink.topic", "is the dead letters' topic; write another")
}

func (c *checks) topic(name, field string) {
	c.that(topicName.MatchString(name) && name != "." && name != "..", field,
		"%q is no topic name; write 1 to 249 letters, digits, dots, - and _", name)
}
