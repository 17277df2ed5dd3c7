package pipeline

import (
	"errors"
	"reflect"
	"slices"
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
	f.Add([]byte("name: x\nschema: !tag 00")) // a panic in the library
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
