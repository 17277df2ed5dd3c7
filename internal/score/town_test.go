package score

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/model/modeltest"
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
