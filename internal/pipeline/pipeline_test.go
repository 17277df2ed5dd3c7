package pipeline

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"temporal-streaming/test/golden"
)

// small is the shortest definition that is complete; each test breaks one thing in it.
const small = `name: small
schema:
  - {name: when, type: time}
  - {name: x, type: float}
  - {name: n, type: int}
  - {name: bad, type: int}
order_by: when
label: {column: bad, positive: 1}
source: {topic: in}
features:
  - {name: n}
  - {name: lx, column: x, transform: log1p}
sink: {topic: out}
`

func TestParseFillsInDefaults(t *testing.T) {
	d, err := Parse("small.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if d.Features[0].Column != "n" || d.Features[1].Column != "x" {
		t.Errorf("feature columns %+v", d.Features)
	}
	if d.Sink.Kind != Kafka || d.Sink.DeadLetters != "in.dlq" {
		t.Errorf("sink %+v", d.Sink)
	}
	if d.Source.Format != "json" || d.Source.Start != Earliest {
		t.Errorf("source %+v", d.Source)
	}
	if d.Stream.Delivery != ExactlyOnce || d.Stream.CommitInterval != 25*time.Millisecond || d.Stream.Segment != 30*time.Minute {
		t.Errorf("stream %+v", d.Stream)
	}
	if d.Training.Split != (Split{0.6, 0.2, 0.2}) || d.Training.NegativeWeight != 1 || d.Training.PositiveWeight != 1 {
		t.Errorf("training %+v", d.Training)
	}
}

func TestStreamSchemaHoldsOnlyWhatFeaturesNeed(t *testing.T) {
	d, err := Parse("small.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := d.StreamSchema(), []Column{{Name: "x", Type: Float}, {Name: "n", Type: Int}}; !slices.Equal(got, want) {
		t.Errorf("stream schema %v, want %v", got, want)
	}
	if got := d.TrainingSchema(); len(got) != 4 || got[3] != (Column{Name: "bad", Type: Int}) {
		t.Errorf("training schema %v", got)
	}
	if got, want := d.FeatureNames(), []string{"n", "lx"}; !slices.Equal(got, want) {
		t.Errorf("features %v, want %v", got, want)
	}
}

func TestDigestNamesTheBytes(t *testing.T) {
	a, err := Parse("a", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse("b", []byte(small+"# a comment\n"))
	if err != nil {
		t.Fatal(err)
	}
	// From sha256sum, so that it cannot change with the code.
	if a.Digest() != "f634038588bf01a97a9ea2102e22d7ff68ef8df8f738dc82e59a481c884f8bf2" {
		t.Errorf("digest %s", a.Digest())
	}
	if a.Digest() == b.Digest() {
		t.Error("two files have the same digest")
	}
	if string(a.YAML()) != small {
		t.Error("YAML is not what was parsed")
	}
}

// stateful is a definition with features of every kind; each test breaks one thing in it.
const stateful = `name: stateful
schema:
  - {name: id, type: text}
  - {name: at, type: time}
  - {name: card, type: int}
  - {name: shop, type: text}
  - {name: amount, type: decimal(2)}
  - {name: weight, type: float}
  - {name: bad, type: bool}
id: id
key: card
event_time: {column: at, tolerance: 1m}
label: {column: bad, positive: 1, delay: 7d}
labels: delayed
source: {topic: in}
features:
  - {name: amount, transform: log1p}
  - {name: night, calendar: night, hours: [22, 5], zone: Europe/Brussels}
  - {name: mean_<window>, aggregate: mean, column: amount, over: [1d, 7d]}
  - {name: against, ratio: [amount, mean_7d]}
  - {name: risk_<days>, aggregate: share, key: shop, over: [1d, 30d], shift: label_delay}
sink: {topic: out}
training: {span: 90d}
`

func TestAFeatureOverSeveralWindowsBecomesOneForEach(t *testing.T) {
	d, err := Parse("stateful.yaml", []byte(stateful))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := d.FeatureNames(), []string{"amount", "night", "mean_1d", "mean_7d", "against", "risk_1", "risk_30"}; !slices.Equal(got, want) {
		t.Errorf("features %v, want %v", got, want)
	}
	if f := d.Features[6]; f.Window() != "30d" || f.Column != "bad" || d.ShiftOf(f) != 7*24*time.Hour || d.Features[2].Key != "card" {
		t.Errorf("features %+v", d.Features)
	}
	if d.OrderBy != "at" || d.Label.Topic != "in.labels" || !d.LooksAtLabels() {
		t.Errorf("definition %+v", d)
	}
	if got := d.StreamSchema(); len(got) != 5 || got[0].Name != "id" || got[4].Name != "amount" {
		t.Errorf("stream schema %v", got)
	}
	want := []Stage{
		{Key: "card", Topic: "in", Features: []string{"mean_1d", "mean_7d"}},
		{Key: "shop", Topic: "stateful.stage-1", Features: []string{"risk_1", "risk_30"}, Labels: true},
	}
	if got := d.Stages(); !reflect.DeepEqual(got, want) {
		t.Errorf("stages %v, want %v", got, want)
	}
	golden.Compare(t, "plan.txt", d.Draw())
}

func TestProblemsOfFeaturesNameFileLineFieldAndMend(t *testing.T) {
	cases := []struct{ old, new string }{
		{"decimal(2)", "decimal(9)"},
		{"decimal(2)", "decimal"},
		{"id: id", "id: weight"},
		{"key: card\n", "key: amount\n"},
		{"key: card\n", ""},
		{"column: at, tolerance: 1m", "column: card, tolerance: 1m"},
		{"tolerance: 1m", "tolerance: soon"},
		{"event_time: {column: at, tolerance: 1m}\n", ""},
		{"delay: 7d", "delay: 1w"},
		{", delay: 7d", ""},
		{"labels: delayed", "labels: whenever"},
		{"delay: 7d", "delay: 7d, known_at: at"},
		{"{name: amount, transform: log1p}", "{name: shop}"},
		{"{name: amount, transform: log1p}", "{name: bad}"},
		{"calendar: night", "calendar: noon"},
		{"hours: [22, 5]", "hours: [22]"},
		{"hours: [22, 5]", "hours: [22, 24]"},
		{"zone: Europe/Brussels", "zone: Brussels"},
		{"calendar: night, hours", "hours"},
		{"calendar: night", "calendar: night, column: amount"},
		{"aggregate: mean", "aggregate: mode"},
		{"aggregate: mean, column: amount", "aggregate: mean, column: weight"},
		{"aggregate: mean, column: amount", "aggregate: mean, column: bad"},
		{"aggregate: mean, column: amount", "aggregate: count, column: amount"},
		{"aggregate: mean, column: amount, over: [1d, 7d]", "aggregate: mean, column: amount"},
		{"over: [1d, 7d]", "over: [1d, 0d]"},
		{"over: [1d, 7d]", "over: [1d, ever]"},
		{"over: [1d, 7d]", "over: [1d, 1d]"},
		{"mean_<window>", "mean"},
		{"mean_<window>", "mean_<hours>"},
		{"aggregate: mean, column: amount, over: [1d, 7d]", "aggregate: max, column: amount, over: [all]"},
		{"aggregate: mean, column: amount", "aggregate: zscore, column: amount, shift: 1d"},
		{"over: [1d, 30d], shift: label_delay", "over: [1d, 30d]"},
		{"shift: label_delay", "shift: 6d"},
		{"key: shop, over", "key: amount, over"},
		{"over: [1d, 30d], shift", "over: [36h, 30d], shift"},
		{"ratio: [amount, mean_7d]", "ratio: [amount]"},
		{"ratio: [amount, mean_7d]", "ratio: [amount, risk_1]"},
		{"ratio: [amount, mean_7d]", "difference: [bad, shop]"},
		{"ratio: [amount, mean_7d]", "ratio: [amount, mean_7d], calendar: hour"},
		{"key: shop, over", "key: bad, over"},
		{"key: card\n", "key: bad\n"},
		{"positive: 1, delay: 7d}\nlabels: delayed", "positive: 1, known_at: at}\nlabels: as_they_arrive"},
		{"span: 90d", "span: 90"},
		{"over: [1d, 7d]", "over: [3rows, 0rows, 5000rows]"},
		{"mean_<window>", "mean_<days>, where: {value: amount, above: 1}, before: true, shift: 1d"},
		{"over: [1d, 7d]", "over: [1d, 7d], where: {label: positive}"},
		{"over: [1d, 7d]", "over: [1d, 7d], where: {value: amount}"},
		{"over: [1d, 7d]", "over: [1d, 7d], where: {value: bad, is: 1}"},
		{"over: [1d, 7d]", "over: [1d, 7d], where: {value: risk_1, above: 0.5}"},
		{"over: [1d, 7d]", "over: [1d, 7d], where: {value: amount, is: 1, above: 2}, min_records: -1, smoothing: 2"},
		{"over: [1d, 7d]", "over: [1d, 7d], where: {above: 2}"},
		{"over: [1d, 7d]", "over: [1d, 7d], where: {}"},
		{"aggregate: mean, column: amount", "aggregate: run"},
		{"aggregate: share, key: shop, over: [1d, 30d], shift: label_delay", "aggregate: count, key: shop, over: [1d, 30d], where: {label: negative}"},
		{"aggregate: share, key: shop, over: [1d, 30d], shift: label_delay", "aggregate: median, column: amount, over: [all]"},
		{"aggregate: share, key: shop, over: [1d, 30d], shift: label_delay}", "aggregate: count, key: shop, over: [1d, 30d]}\n  - {name: back, aggregate: last, column: risk_1, over: [7d]}"},
		{"ratio: [amount, mean_7d]", "ratio: [amount, mean_7d], where: {value: amount, above: 1}"},
		{"ratio: [amount, mean_7d]", "product: [amount, mean_7d], smoothing: 1"},
		{"sink:", "stream: {delivery: at-least-once}\nsink:"},
	}
	transcribe(t, "problems-features.txt", stateful, cases)
}

// Each case replaces a piece of the small definition; what Parse says then is kept in testdata/problems.txt, where a person
// can judge whether it helps.
func TestProblemsNameFileLineFieldAndMend(t *testing.T) {
	cases := []struct{ old, new string }{
		{"name: small", "name: Small Pipeline"},
		{"name: small\n", ""},
		{"order_by: when", "order_by: date"},
		{"column: bad", "column: good"},
		{"positive: 1", "positive: .nan"},
		{"positive: 1", "positive: .inf"},
		{"positive: 1", "positive:"},
		{"positive: 1", "positive: ~"},
		{", positive: 1", ""},
		{"label: {column: bad, positive: 1}", "label:\n  column: bad"},
		{"label: {column: bad, positive: 1}\n", ""},
		{"{name: x, type: float}", "{name: x, type: decimal}"},
		{"{name: x, type: float}", "{name: when, type: float}"},
		{"{name: x, type: float}", "{type: float}"},
		{"{name: x, type: float}", "{name: x, kind: float}"},
		{"{name: n}", "{name: m}"},
		{"{name: n}", "{column: n}"},
		{"{name: n}", "{name: lx, column: n}"},
		{"{name: n}", "{name: bad}"},
		{"transform: log1p", "transform: sqrt"},
		{"topic: in", "topic: in/put"},
		{"topic: in", "topic: ''"},
		{"topic: in", "topic: in, start: yesterday"},
		{"topic: in", "topic: in, format: avro"},
		{"topic: out", "topic: in"},
		{"topic: out", "topic: in.dlq"},
		{"topic: out", "topic: out, dead_letters: in"},
		{"topic: out", "topic: out, kind: file"},
		{"sink: {topic: out}", ""},
		{"sink:", "stream: {shards: 0, delivery: maybe, commit_interval: 10m, segment: 2h, max_batch: -1}\nsink:"},
		{"sink:", "stream: {commit_interval: soon}\nsink:"},
		{"sink:", "stream: {commit_interval: 25}\nsink:"},
		{"sink:", "stream: {shards: two}\nsink:"},
		{"sink:", "stream:\n  shards: 2\n  shads: 3\nsink:"},
		{"sink:", "training:\n  split:\n    train: 0.7\n    validation: 0.2\n    test: 0.2\nsink:"},
		{"sink:", "training: {split: {train: 1.2, validation: -0.1, test: -0.1}, class_weight: heavy, positive_weight: -1, negative_weight: 0}\nsink:"},
		{"sink:", "training: {class_weight: balanced, positive_weight: 10}\nsink:"},
		{"sink:", "threshold: {policy: best}\nsink:"},
		{"sink:", "threshold: {policy: precision_at_least}\nsink:"},
		{"sink:", "threshold: {policy: recall_at_least, value: 1.5}\nsink:"},
		{"sink:", "threshold: {policy: max_f1, value: 0.9}\nsink:"},
		{"sink:", "decision: {positive: fraud, negative: fraud}\nsink:"},
		{"sink:", "gates: {min_auc: 97, max_ap_drop: -1, max_parity_gap: .inf}\nsink:"},
		{"sink:", "model:\n  kind: forest\n  hidden: [32, 0]\n  members: 0\n  signed_log: [when]\n  dropout: 1\n  learning_rate: 0\nsink:"},
		{"sink:", "model: {tail_quantiles: [0.98]}\nsink:"},
		{"sink:", "model: {ratios: [[lx, n], [lx], [lx, lx], [lx, x]]}\nsink:"},
		{"sink:", "model: {bins: 8, tail_quantiles: [0.98, 0.5, 1]}\nsink:"},
		{"sink:", "training: {negative_share: 0, loss: hinge, focal_gamma: -1, stop: soon}\nsink:"},
		{"sink:", "search: {strategy: grid, trials: 1, parallel: 0}\nsink:"},
		{"sink:", "search:\n  vary:\n    - {field: learning_rate, from: 0, to: 1, scale: log}\n    - {field: dropout, choices: [0.1, 2]}\n    - {field: seed, choices: [1]}\n    - {field: batch, choices: [8], from: 1, to: 2}\nsink:"},
		{"sink:", "report: {group: x, amount: nothing, kind: x}\nsink:"},
		{"{name: x, type: float}", "{name: x, type: float, optional: true}"},
		{"sink:", "name: twice\nsink:"},
		{"sink:", "sink: [\nsink:"},
		{"sink:", "---\nsink:"},
		{small, ""},
		{small, "hello"},
		{small, "- a\n- b"},
		{small, "name: *nobody"},
		{small, "\tname: x"},
	}
	transcribe(t, "problems.txt", small, cases)
}

// transcribe keeps what Parse says to a definition in which a piece was replaced.
func transcribe(t *testing.T, name, whole string, cases []struct{ old, new string }) {
	t.Helper()
	var transcript strings.Builder
	for _, c := range cases {
		source := strings.Replace(whole, c.old, c.new, 1)
		if source == whole {
			t.Fatalf("the case %q changes nothing", c.old)
		}
		_, err := Parse("small.yaml", []byte(source))
		var problems *InvalidError
		if !errors.As(err, &problems) {
			t.Errorf("with %q: error %v", c.new, err)
			continue
		}
		written := c.new
		if c.old != whole {
			written = strings.TrimSuffix(written, "\nsink:")
		}
		transcript.WriteString("--- " + strings.ReplaceAll(written, "\n", "\n    ") + "\n" + err.Error() + "\n\n")
	}
	golden.Compare(t, name, transcript.String())
}

func TestStartIsATimeOrAWord(t *testing.T) {
	for start, wantTime := range map[Start]bool{Earliest: false, Latest: false, "2026-01-31T08:00:00Z": true, "2026-01-31T08:00:00+02:00": true} {
		if err := start.Validate(); err != nil {
			t.Error(err)
		}
		if _, isTime := start.Time(); isTime != wantTime {
			t.Errorf("%s is a time: %v", start, isTime)
		}
	}
	for _, start := range []Start{"", "now", "2026-01-31", "EARLIEST"} {
		if err := start.Validate(); err == nil {
			t.Errorf("start %q was accepted", start)
		}
	}
}

func TestSplitIsAcceptedOnlyIfItSumsToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		split := Split{
			Train:      rapid.Float64Range(-0.2, 1.2).Draw(t, "train"),
			Validation: rapid.Float64Range(-0.2, 1.2).Draw(t, "validation"),
		}
		split.Test = 1 - split.Train - split.Validation
		if rapid.Bool().Draw(t, "off") {
			split.Test += 0.01
		}
		var c checks
		training := defaults().Training
		training.Split = split
		c.training(&training)
		fine := split.Train > 0 && split.Validation > 0 && split.Test > 0 &&
			split.Train < 1 && split.Validation < 1 && split.Test < 1 &&
			split.Train+split.Validation+split.Test < 1.005
		if accepted := len(c.problems) == 0; accepted != fine {
			t.Fatalf("%+v accepted: %v (%v)", split, accepted, c.problems)
		}
	})
}

func FuzzParseGivesAValidDefinitionOrProblems(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(stateful))
	f.Add([]byte("name: x\nschema: [{name: a}]\nstream: {segment: 1h}"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("? [\n- :\n"))
	f.Fuzz(func(t *testing.T, source []byte) {
		d, err := Parse("fuzz.yaml", source)
		var problems *InvalidError
		switch {
		case err == nil && len(d.validate()) > 0:
			t.Fatalf("accepted with problems: %v", d.validate())
		case err != nil && (!errors.As(err, &problems) || len(problems.Problems) == 0 || d != nil):
			t.Fatalf("definition %v, error %v", d, err)
		}
	})
}
