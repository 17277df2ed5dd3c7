package score

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
)

// Two stages and a stream of labels come to the features and the scores of training, bit for bit.
func TestStagesGiveTheBitsOfTraining(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	w := newTown(t)
	ps := payments(r, 4000, 60, 25, 50)
	w.play(r, ps)
	for in := w.order; len(in) > 0; {
		n := min(1+r.IntN(200), len(in))
		w.finish(in[:n])
		in = in[n:]
	}
	w.compare(ps)
}

// What is no message of the stage before is a dead letter with a reason, and no history.
func TestStageRefusesWhatNoStageHasWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	w := newTown(t)
	ps := payments(r, 200, 20, 9, 20)
	w.play(r, ps)
	whole := w.order[0].Value
	other := bytes.Clone(whole)
	other[4] ^= 1
	newer := bytes.Clone(whole)
	newer[1]++
	for name, c := range map[string]struct {
		value []byte
		want  record.Reason
	}{
		"nothing":         {nil, NotForwarded},
		"text":            {[]byte(`{"TRANSACTION_ID":1}`), NotForwarded},
		"cut":             {whole[:len(whole)-1], NotForwarded},
		"longer":          {append(bytes.Clone(whole), 0), NotForwarded},
		"other features":  {other, OtherFeatures},
		"a later version": {newer, NotForwarded},
	} {
		var out Output
		w.engines[1].Process([]record.Message{{Value: c.value}}, &out)
		if len(out.Results) != 1 || out.Results[0].Kind != KindDeadLetter || out.Results[0].Reason != c.want {
			t.Errorf("%s: %+v; want a dead letter with reason %s", name, out.Results, c.want)
		}
	}
	w.finish(w.order)
	w.compare(ps)
}

// A message of the source that cannot be used is refused whole, and leaves no trace in the history.
func TestSourceMessagesThatCannotBeUsedAreNoHistory(t *testing.T) {
	w := newTown(t)
	for _, value := range []string{
		``, `nonsense`, `{}`, `{"TRANSACTION_ID":1,"TX_DATETIME":"yesterday","CUSTOMER_ID":1,"TERMINAL_ID":1,"TX_AMOUNT":1}`,
		`{"TRANSACTION_ID":1,"TX_DATETIME":1e300,"CUSTOMER_ID":1,"TERMINAL_ID":1,"TX_AMOUNT":1}`,
		`{"TRANSACTION_ID":1,"TX_DATETIME":1530000000,"CUSTOMER_ID":1,"TERMINAL_ID":1,"TX_AMOUNT":1e40}`,
		`{"TRANSACTION_ID":1,"TX_DATETIME":1530000000,"CUSTOMER_ID":1,"TERMINAL_ID":1,"TX_AMOUNT":NaN}`,
		`{"TRANSACTION_ID":1,"TX_DATETIME":1530000000,"CUSTOMER_ID":1,"TX_AMOUNT":1}`,
	} {
		var out Output
		w.engines[0].Process([]record.Message{{Value: []byte(value)}}, &out)
		if len(out.Results) != 1 || out.Results[0].Kind != KindDeadLetter || out.Results[0].Detail == "" {
			t.Errorf("%s: %+v; want a dead letter that says why", value, out.Results)
		}
	}
	if keys, _, met := w.engines[0].Histories().Stands(); keys != 0 || met.Records != 0 {
		t.Errorf("%d keys and %+v are history", keys, met)
	}
}

// Labels in any form that a person or a program may send.
func TestLabelsAreReadWithAndWithoutTheirTime(t *testing.T) {
	w := newTown(t)
	for value, want := range map[string]struct {
		kind    Kind
		results int
		knownAt int64
	}{
		`{"TRANSACTION_ID":5,"TX_FRAUD":1}`:                                   {KindForward, 4, 77},
		`{"TRANSACTION_ID":5,"TX_FRAUD":1,"known_at":1530000000}`:             {KindForward, 4, 1530000000000},
		`{"TRANSACTION_ID":5,"TX_FRAUD":1,"known_at":"2018-06-26T08:00:00Z"}`: {KindForward, 4, 1530000000000},
		`{"TRANSACTION_ID":5,"TX_FRAUD":0}`:                                   {KindNothing, 1, 0}, // delayed counts no others
		`{"TRANSACTION_ID":5}`:                                                {KindDeadLetter, 1, 0},
		`{"TX_FRAUD":1}`:                                                      {KindDeadLetter, 1, 0},
		`{"TRANSACTION_ID":5.5,"TX_FRAUD":1}`:                                 {KindDeadLetter, 1, 0},
		`{"TRANSACTION_ID":5,"TX_FRAUD":1,"known_at":"soon"}`:                 {KindDeadLetter, 1, 0},
		`[`:                           {KindDeadLetter, 1, 0},
		strings.Repeat(`{"a":`, 3000): {KindDeadLetter, 1, 0},
		`{"columns":["TRANSACTION_ID","TX_FRAUD"],"data":[[1,1],[2,0],[3,1]]}`: {KindForward, 8, 77},
	} {
		var out Output
		w.labels.Process([]record.Message{{Timestamp: 77, Value: []byte(value)}}, &out)
		if len(out.Results) != want.results || out.Results[0].Kind != want.kind {
			t.Errorf("%.80s: %+v; want %d results of kind %d", value, out.Results, want.results, want.kind)
			continue
		}
		if want.kind != KindForward {
			continue
		}
		f := w.engines[1].reads
		f.digest = w.labels.writes.digest
		_, rest, reject := f.open(out.Value(0))
		if reject != nil {
			t.Fatal(reject.Detail)
		}
		if l, ok := f.readLabel(rest); !ok || l.knownAt != want.knownAt || !l.positive {
			t.Errorf("%s: the label is %+v, known at %d is wanted", value, l, want.knownAt)
		}
	}
}

// The per-record path of every stage allocates nothing once its memory has grown.
func TestStagesAllocateNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	w := newTown(t)
	ps := payments(r, 6000, 50, 25, 60)
	w.play(r, ps)
	w.finish(w.order)
	last := ps[len(ps)-1]
	in := make([]record.Message, 100)
	for i := range in {
		p := last
		p.id, p.customer, p.terminal = 10000+i, i%50, i%25
		in[i] = p.message(int64(10000 + i))
	}
	slices.SortStableFunc(in, func(a, b record.Message) int { return int(a.Partition - b.Partition) })
	var out Output
	w.engines[0].Process(in, &out)
	later := make([]record.Message, len(in))
	for i := range later {
		later[i] = record.Message{Partition: out.Results[i].Partition, Offset: int64(i), Value: bytes.Clone(out.Value(i))}
	}
	slices.SortStableFunc(later, func(a, b record.Message) int { return int(a.Partition - b.Partition) })
	for stage, in := range [][]record.Message{in, later} {
		e := w.engines[stage]
		for range 200 { // rings and tables grow
			e.Process(in, &out)
		}
		if n := testing.AllocsPerRun(50, func() { e.Process(in, &out) }); n != 0 {
			t.Errorf("stage %d: %v allocations for %d records", stage, n, len(in))
		}
	}
	label := []record.Message{{Value: []byte(`{"TRANSACTION_ID":5,"TX_FRAUD":1,"known_at":1530000000}`)}}
	if n := testing.AllocsPerRun(100, func() { w.labels.Process(label, &out) }); n != 0 {
		t.Errorf("%v allocations for a label", n)
	}
}

// The other ways of a pipeline: texts as keys and ids, labels that count from the moment they arrive.
func TestStagesOfFlights(t *testing.T) {
	b := statefulBundle(t, "flights")
	stages, err := b.Stages()
	if err != nil || stages < 2 {
		t.Fatalf("%d stages, %v", stages, err)
	}
	if b.Definition.Labels != pipeline.AsTheyArrive {
		t.Fatalf("labels are %s", b.Definition.Labels)
	}
	if _, err := b.NewStageEngine(stages, StageOptions{}); err == nil {
		t.Error("an engine of a stage that there is not")
	}
	if _, err := b.NewStageEngine(0, StageOptions{}); err == nil {
		t.Error("an engine that knows no topic to hand records on to")
	}
	targets := make([]Target, stages)
	for i := range targets {
		targets[i] = Target{Topic: fmt.Sprint("stage-", i), Partitions: 3}
	}
	columns := b.Definition.StreamSchema()
	row := map[string]any{}
	for i, c := range columns {
		switch c.Type {
		case pipeline.Text:
			row[c.Name] = fmt.Sprint("a text of column ", i)
		case pipeline.Time:
			row[c.Name] = 1370000000
		default:
			row[c.Name] = i % 2
		}
	}
	value, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	in := []record.Message{{Partition: 2, Offset: 41, Timestamp: 5, Key: []byte("key"), Value: value}}
	for stage := range stages {
		next := Target{}
		if stage+1 < stages {
			next = targets[stage+1]
		}
		e, err := b.NewStageEngine(stage, StageOptions{EngineOptions: EngineOptions{Now: noon, Topic: "flights"}, Next: next})
		if err != nil {
			t.Fatal(err)
		}
		var out Output
		e.Process(in, &out)
		if len(out.Results) != 1 {
			t.Fatalf("stage %d: %+v", stage, out.Results)
		}
		if stage+1 < stages {
			if out.Results[0].Kind != KindForward {
				t.Fatalf("stage %d: %+v", stage, out.Results)
			}
			in = []record.Message{{Partition: out.Results[0].Partition, Offset: 7, Value: bytes.Clone(out.Value(0))}}
			continue
		}
		p, err := DecodePrediction(out.Value(0))
		if err != nil || p.Topic != "flights" || p.Partition != 2 || p.Offset != 41 || string(out.Key(0)) != "key" {
			t.Errorf("prediction %+v, %v, key %q", p, err, out.Key(0))
		}
	}
}
