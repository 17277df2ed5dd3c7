package score

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/model/modeltest"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
	"temporal-streaming/pipelines"
)

// statefulBundle is a shipped pipeline with random weights.
func statefulBundle(t testing.TB, name string) *Bundle {
	t.Helper()
	d, err := pipelines.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return opened(t, filesOf(t, name, "7", d.YAML(), modeltest.Random(d.FeatureNames(), 1, 0.2, 64, 64)))
}

// payment is one record of pipeline transactions.
type payment struct {
	id, customer, terminal int
	at                     int64 // unix seconds
	cents                  int
	fraud                  bool
}

func (p payment) message(offset int64) record.Message {
	return record.Message{
		Partition: int32(p.customer % 4), Offset: offset, Timestamp: p.at * 1000, Key: fmt.Append(nil, p.customer),
		Value: fmt.Appendf(nil, `{"TRANSACTION_ID":%d,"TX_DATETIME":%d,"CUSTOMER_ID":%d,"TERMINAL_ID":%d,"TX_AMOUNT":%d.%02d}`,
			p.id, p.at, p.customer, p.terminal, p.cents/100, p.cents%100),
	}
}

func payments(r *rand.Rand, n, customers, terminals int, days float64) []payment {
	all := make([]payment, n)
	at := 1530000000.0
	for i := range all {
		at += r.Float64() * 2 * days * 86400 / float64(n)
		all[i] = payment{
			id: i, customer: r.IntN(customers), terminal: r.IntN(terminals), at: int64(at), cents: 1 + r.IntN(20000), fraud: r.IntN(12) == 0,
		}
	}
	return all
}

// town is a stream of pipeline transactions in memory: topics, and one engine a stage that reads all of their partitions.
type town struct {
	t       testing.TB
	bundle  *Bundle
	target  Target
	engines []*StageEngine
	labels  *LabelEngine
	sources []int64            // ends of the source's partitions
	stage1  [][]record.Message // the log of stage 1, by partition
	order   []record.Message   // the same, in the order of arrival
	out     Output
	got     []Prediction
	letters int
}

func newTown(t testing.TB) *town {
	w := &town{t: t, bundle: statefulBundle(t, "transactions"), target: Target{Topic: "transactions.stage-1", Partitions: 4},
		sources: make([]int64, 4), stage1: make([][]record.Message, 4)}
	w.engines = []*StageEngine{w.engine(0), w.engine(1)}
	var err error
	if w.labels, err = w.bundle.NewLabelEngine([]Target{w.target}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *town) engine(stage int) *StageEngine {
	w.t.Helper()
	o := StageOptions{EngineOptions: EngineOptions{Topic: "transactions", Now: noon, MaxBatch: 64}, Next: w.target}
	e, err := w.bundle.NewStageEngine(stage, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// send puts payments into the source and has stage 0 read them.
func (w *town) send(ps ...payment) {
	in := make([]record.Message, len(ps))
	for i, p := range ps {
		in[i] = p.message(w.sources[p.customer%4])
		w.sources[p.customer%4]++
	}
	w.engines[0].Process(in, &w.out)
	w.forwarded()
}

// tell puts a label into the labels' topic and has it read.
func (w *town) tell(p payment, at int64) {
	fraud := 0
	if p.fraud {
		fraud = 1
	}
	w.labels.Process([]record.Message{{Timestamp: at * 1000, Value: fmt.Appendf(nil, `{"TRANSACTION_ID":%d,"TX_FRAUD":%d}`, p.id, fraud)}}, &w.out)
	w.forwarded()
}

// forwarded writes what was handed on to the log of stage 1.
func (w *town) forwarded() {
	for i, r := range w.out.Results {
		switch r.Kind {
		case KindForward:
			m := record.Message{Partition: r.Partition, Offset: int64(len(w.stage1[r.Partition])), Key: w.out.Key(i), Value: bytes.Clone(w.out.Value(i))}
			w.stage1[r.Partition] = append(w.stage1[r.Partition], m)
			w.order = append(w.order, m)
		case KindDeadLetter:
			w.letters++
		}
	}
}

// finish has stage 1 read messages, and keeps the predictions.
func (w *town) finish(in []record.Message) {
	w.engines[1].Process(in, &w.out)
	for i, r := range w.out.Results {
		switch r.Kind {
		case KindPrediction:
			p, err := DecodePrediction(w.out.Value(i))
			if err != nil {
				w.t.Fatal(err)
			}
			w.got = append(w.got, p)
		case KindDeadLetter:
			w.t.Fatalf("dead letter %s: %s", r.Reason, r.Detail)
		}
	}
}

// table is the payments as training has them.
func (w *town) table(ps []payment) feature.Table {
	w.t.Helper()
	schema, err := feature.Schema(w.bundle.Definition.StreamSchema())
	if err != nil {
		w.t.Fatal(err)
	}
	table := feature.Table{Columns: make([][]float64, len(schema.Fields()))}
	for c, f := range schema.Fields() {
		table.Columns[c] = make([]float64, len(ps))
		for i, p := range ps {
			table.Columns[c][i] = map[string]float64{"TRANSACTION_ID": float64(p.id), "TX_DATETIME": float64(p.at),
				"CUSTOMER_ID": float64(p.customer), "TERMINAL_ID": float64(p.terminal), "TX_AMOUNT": float64(p.cents) / 100}[f.Name]
		}
	}
	for _, p := range ps {
		label := feature.Negative
		if p.fraud {
			label = feature.Positive
		}
		table.Labels = append(table.Labels, label)
	}
	return table
}

// batch computes the same in training's way.
func (w *town) batch(ps []payment) (prints []string, probabilities []float32) {
	w.t.Helper()
	schema, err := feature.Schema(w.bundle.Definition.StreamSchema())
	if err != nil {
		w.t.Fatal(err)
	}
	program, err := feature.NewProgram(w.bundle.Spec, schema)
	if err != nil {
		w.t.Fatal(err)
	}
	table := w.table(ps)
	replayed, err := program.Replay(table, feature.ReplayOptions{Workers: 2})
	if err != nil {
		w.t.Fatal(err)
	}
	x := make([]float32, program.Width())
	scorer := model.NewScorer(w.bundle.Model, 1)
	p := make([]float32, 1)
	for i := range ps {
		feature.Round(replayed.X[i*program.Width():(i+1)*program.Width()], x)
		scorer.Score(x, 1, p)
		prints = append(prints, fmt.Sprintf("%016x", feature.Fingerprint(x)))
		probabilities = append(probabilities, p[0])
	}
	return prints, probabilities
}

// compare expects one prediction of each payment, equal to the last bit to what training computes.
func (w *town) compare(ps []payment) {
	w.t.Helper()
	prints, probabilities := w.batch(ps)
	if len(w.got) != len(ps) || w.letters > 0 {
		w.t.Fatalf("%d predictions and %d dead letters of %d payments", len(w.got), w.letters, len(ps))
	}
	different := 0
	for _, p := range w.got {
		var id int
		fmt.Sscan(p.ID, &id)
		if p.Features != prints[id] || p.Probability != probabilities[id] {
			different++
		}
		if p.Topic != "transactions" || p.Partition != int32(ps[id].customer%4) {
			w.t.Fatalf("prediction %+v does not name the record %+v it is of", p, ps[id])
		}
	}
	if different > 0 {
		w.t.Errorf("%d of %d predictions differ from what training computes", different, len(ps))
	}
}

// play sends payments in event order, each fraud's label a day after it.
func (w *town) play(r *rand.Rand, ps []payment) {
	var later []payment
	for i := 0; i < len(ps); {
		n := min(1+r.IntN(20), len(ps)-i)
		for len(later) > 0 && later[0].at+86400 <= ps[i].at {
			w.tell(later[0], later[0].at+86400)
			later = later[1:]
		}
		w.send(ps[i : i+n]...)
		later = append(later, ps[i:i+n]...)
		i += n
	}
}

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

// A stage that dies at any record, and goes on from a snapshot and the log, does not show that it has died.
func TestStagesGoOnFromSnapshotsWithTheSameBits(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	w := newTown(t)
	ps := payments(r, 3000, 60, 25, 50)
	w.play(r, ps)
	type snapshot struct {
		at    int64
		bytes []byte
	}
	snapshots := make([]snapshot, 4)
	next := make([]int64, 4)
	for in := w.order; len(in) > 0; {
		n := min(1+r.IntN(60), len(in))
		w.finish(in[:n])
		for _, m := range in[:n] {
			next[m.Partition] = m.Offset + 1
		}
		in = in[n:]
		if p := int32(r.IntN(4)); r.IntN(3) == 0 {
			var b bytes.Buffer
			if err := w.engines[1].Histories().Of(p).Snapshot(&b); err != nil {
				t.Fatal(err)
			}
			snapshots[p] = snapshot{next[p], b.Bytes()}
		}
		if r.IntN(10) > 0 {
			continue
		}
		w.engines[1] = w.engine(1) // it has died
		var old []record.Message
		for p, s := range snapshots {
			if s.bytes != nil {
				state, err := w.engines[1].Histories().Read(bytes.NewReader(s.bytes))
				if err != nil {
					t.Fatal(err)
				}
				w.engines[1].Histories().Set(int32(p), state)
			}
			old = append(old, w.stage1[p][s.at:next[p]]...)
		}
		w.engines[1].Absorb(old)
	}
	w.compare(ps)
}

func TestSuccessorInheritsHistoriesOfTheSameFeaturesOnly(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	w := newTown(t)
	ps := payments(r, 500, 20, 9, 50)
	w.play(r, ps)
	half := len(w.order) / 2
	w.finish(w.order[:half])
	heir := w.engine(1)
	if err := heir.Inherit(w.engines[0]); err == nil {
		t.Error("stage 1 inherits the history of stage 0")
	}
	if err := heir.Inherit(engineOf(t, opened(t, smallFiles(t)), EngineOptions{})); err == nil {
		t.Error("a stage inherits from an engine without history")
	}
	if err := heir.Inherit(w.engines[1]); err != nil {
		t.Fatal(err)
	}
	w.engines[1] = heir
	w.finish(w.order[half:])
	w.compare(ps)
}

// A stream that begins with a backfill gives the bits of one that has read everything.
func TestStreamThatBeginsWithABackfillKnowsWhatWasBefore(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 4))
	w := newTown(t)
	ps := payments(r, 4000, 60, 25, 60)
	half := len(ps) / 2
	before := w.table(ps[:half])
	histories, err := w.bundle.Backfill(t.Context(), before, 4, func(key []byte) int32 {
		var customer int32
		fmt.Sscan(string(key), &customer)
		return customer % 4
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for stage, h := range histories {
		for p := range int32(4) { // as they come back from the object store
			var b bytes.Buffer
			if err := h.Of(p).Snapshot(&b); err != nil {
				t.Fatal(err)
			}
			state, err := w.engines[stage].Histories().Read(&b)
			if err != nil {
				t.Fatal(err)
			}
			w.engines[stage].Histories().Set(p, state)
		}
	}
	w.play(r, ps[half:])
	w.finish(w.order)
	prints, probabilities := w.batch(ps)
	if len(w.got) != len(ps)-half {
		t.Fatalf("%d predictions of %d payments", len(w.got), len(ps)-half)
	}
	for _, p := range w.got {
		var id int
		fmt.Sscan(p.ID, &id)
		if p.Features != prints[id] || p.Probability != probabilities[id] {
			t.Fatalf("payment %d: features %s, %v; training computes %s, %v", id, p.Features, p.Probability, prints[id], probabilities[id])
		}
	}
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
