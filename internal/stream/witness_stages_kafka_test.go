package stream

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// pair is a pipeline of two stages, the second of which hears of labels, too.
const pair = `
name: pair
schema:
  - {name: id, type: int}
  - {name: at, type: time}
  - {name: card, type: int}
  - {name: shop, type: int}
  - {name: bad, type: int}
id: id
key: card
event_time: {column: at, tolerance: 1h}
label: {column: bad, positive: 1, delay: 1d}
source: {topic: in}
features:
  - {name: cards, aggregate: count, key: card, over: [1d]}
  - {name: shops, aggregate: share, key: shop, over: [7d], shift: label_delay}
model: {kind: mlp, hidden: [4], members: 1, epochs: 1, batch: 16, learning_rate: 0.01, seed: 7}
sink: {kind: kafka, topic: out}
`

// stages are the loops of a pair: two of records, and that of the labels.
func stages(t *testing.T, of Options) (loops [3]Options, processors func() [3]Processor) {
	t.Helper()
	d, err := pipeline.Parse("pair.yaml", []byte(pair))
	if err != nil {
		t.Fatal(err)
	}
	b := &score.Bundle{Name: "pair", Version: "1", Definition: d, Spec: feature.SpecOf(d), Model: &model.Model{
		Features:    []string{"cards", "shops"},
		Preparation: model.Preparation{SignedLog: []bool{false, false}, Mean: []float32{0, 0}, Scale: []float32{1, 1}, Clip: 100},
		Members:     []model.MLP{{Layers: []model.Layer{{In: 2, Out: 1, Weights: []float32{1, 1}, Bias: []float32{0}}}}},
		Threshold:   .5,
	}}
	between, labels := of.Pipeline+".stage-1", of.Topic+".labels"
	n := len(of.Partitions)
	if err := EnsureTopics(within(t, 30*time.Second), of.Kafka, TopicSpec{Name: between, Partitions: n}, TopicSpec{Name: labels, Partitions: n}); err != nil {
		t.Fatal(err)
	}
	of.Model, of.ModelVersion = b.Name, b.Version
	loops = [3]Options{of, of, of}
	loops[0].Forward = []string{between}
	loops[1].Stage, loops[1].Topic = 1, between
	loops[2].Stage, loops[2].Topic, loops[2].Forward = 2, labels, []string{between}
	target := score.Target{Topic: between, Partitions: int32(n)}
	return loops, func() (all [3]Processor) {
		var errs [3]error
		all[0], errs[0] = b.NewStageEngine(0, score.StageOptions{EngineOptions: score.EngineOptions{Topic: of.Topic, MaxBatch: 64}, Next: target})
		all[1], errs[1] = b.NewStageEngine(1, score.StageOptions{EngineOptions: score.EngineOptions{Topic: of.Topic, MaxBatch: 64}})
		all[2], errs[2] = b.NewLabelEngine([]score.Target{target})
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
		return all
	}
}

// pay sends payments from to to-1, and what is none behind them.
func pay(t *testing.T, o Options, from, to, nonsense int) {
	t.Helper()
	values := map[string][]byte{}
	for i := from; i < to; i++ {
		values[fmt.Sprint("card-", i)] = fmt.Appendf(nil, `{"id":%d,"at":%d,"card":%d,"shop":%d}`, i, 1_700_000_000+i, i%40, i%17)
	}
	send(t, o, values)
	values = map[string][]byte{}
	for i := range nonsense {
		values[fmt.Sprint("none-", i)] = []byte("hello")
	}
	send(t, o, values)
}

// TestForgottenCommitsOfStagesAreReadBackFromWhatTheyHaveWritten: the broker has forgotten most of what both stages have committed. The
// first one's topic ends with dead letters, the second one's with labels, which leave no result.
func TestForgottenCommitsOfStagesAreReadBackFromWhatTheyHaveWritten(t *testing.T) {
	for name, reported := range map[string]bool{"that were reported": true, "that nobody else knows of": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			readBackStages(t, reported)
		})
	}
}

func readBackStages(t *testing.T, reported bool) {
	o := topics(t, broker(t), 2)
	o.StillOwner = func(context.Context) bool { return reported }
	loops, processors := stages(t, o)
	run := func(stage int, what string, until func(Progress) bool) outcome {
		t.Helper()
		r := start(t, loops[stage], processors()[stage])
		r.until(t, fmt.Sprintf("stage %d %s", stage, what), until)
		r.stop()
		got := r.wait(t, 10*time.Second)
		if got.err != nil {
			t.Fatalf("stage %d: %v", stage, got.err)
		}
		return got
	}
	handled := func(n int64) func(Progress) bool { return func(p Progress) bool { return p.Records == n } }
	pay(t, o, 0, 400, 8)
	labels := map[string][]byte{}
	for i := range 10 {
		labels[fmt.Sprint(i)] = fmt.Appendf(nil, `{"id":%d,"bad":1}`, i)
	}
	send(t, loops[2], labels)
	var ended [2]outcome
	ended[0] = run(0, "hands on", handled(408))
	run(2, "tells the labels", handled(10))
	ended[1] = run(1, "predicts", handled(400+2*10))
	for stage, got := range ended {
		forget(t, loops[stage], 20)
		for _, p := range got.Partitions {
			if reported {
				loops[stage].Stood = append(loops[stage].Stood, Position{Partition: p.Partition, Next: p.Next - 50})
			}
		}
	}
	if ended[0].Forwarded != 400 || ended[0].DeadLetters != 8 || ended[1].Predictions != 400 {
		t.Fatalf("ended with %+v", ended)
	}
	pay(t, o, 400, 500, 0)
	if got := run(0, "hands on the rest", handled(100)); got.Records != 100 || got.DeadLetters != 0 {
		t.Errorf("the first stage ended with %+v; want the hundred that are new, and nothing again", got)
	}
	got := run(1, "predicts the rest", func(p Progress) bool { return p.Predictions >= 100 })
	if got.Predictions != 100 || got.Records > 100+2*10 || got.DeadLetters != 0 {
		t.Errorf("the second stage ended with %+v; want the hundred that are new, and at most the labels again", got)
	}
	ids := map[string]int{}
	for _, r := range contents(t, o.Kafka, o.Output) {
		p, err := score.DecodePrediction(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		ids[p.ID]++
	}
	for i := range 500 {
		if n := ids[fmt.Sprint(i)]; n != 1 {
			t.Errorf("payment %d has %d predictions", i, n)
		}
	}
}

// handOnPayments runs a first stage until it has handled n records.
func handOnPayments(t *testing.T, o Options, by Processor, n int64) outcome {
	t.Helper()
	r := start(t, o, by)
	r.until(t, "payments are handed on", func(p Progress) bool { return p.Records == n })
	r.stop()
	got := r.wait(t, 10*time.Second)
	if got.err != nil {
		t.Fatal(got.err)
	}
	return got
}

// TestWhatAStageHasLeftOpenBetweenStagesIsAborted: a transaction that the broker had confirmed reached neither the group nor the topic
// between the stages, where its records stand open, and hide everything.
func TestWhatAStageHasLeftOpenBetweenStagesIsAborted(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	trusting(t, o.Kafka)
	o.StillOwner = alwaysOwner
	loops, processors := stages(t, o)
	o, between := loops[0], loops[0].Forward[0]
	handOn := func(n int64) outcome { t.Helper(); return handOnPayments(t, o, processors()[0], n) }
	pay(t, o, 0, 100, 0)
	for _, p := range handOn(100).Partitions {
		o.Stood = append(o.Stood, Position{Partition: p.Partition, Next: p.Next + 1})
	}
	pay(t, o, 100, 120, 0)
	here := o
	here.Output = between
	forgotten(t, here, 1, "x")
	handOn(20)
	seen := map[score.Origin]int{}
	for _, r := range contents(t, o.Kafka, between) {
		at, ok := score.OriginOf(r.Value)
		if seen[at]++; !ok || seen[at] > 1 {
			t.Errorf("%q of %+v is handed on %d times", r.Value, at, seen[at])
		}
	}
	if len(seen) != 120 || hiding(t, here, 1) != 0 {
		t.Errorf("%d payments are handed on, want 120; %d offsets are hidden", len(seen), hiding(t, here, 1))
	}
}

// resultOfNew makes results of what stands in the input, until one is new, and tells where it is handed on to.
func resultOfNew(t *testing.T, o Options, by Processor, isNew func(value []byte) bool) (to int32, value string) {
	t.Helper()
	var out score.Output
	for _, r := range contents(t, o.Kafka, o.Topic) {
		out.Reset()
		by.Process([]record.Message{{Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value}}, &out)
		if isNew(out.Value(0)) {
			return out.Results[0].Partition, string(out.Value(0))
		}
	}
	t.Fatal("every record has its result; there is nothing to leave open")
	return 0, ""
}

// TestAbortThatMissedWhatAStageHandedOnIsMadeUpFor: the transaction of two payments was aborted, as the group knows, but one of them
// stands open between the stages. The next commit there would hand it on beside the one that is made anew.
func TestAbortThatMissedWhatAStageHandedOnIsMadeUpFor(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	trusting(t, o.Kafka)
	loops, processors := stages(t, o)
	o, between := loops[0], loops[0].Forward[0]
	pay(t, o, 0, 100, 0)
	handOnPayments(t, o, processors()[0], 100)
	pay(t, o, 100, 120, 0)
	known := map[score.Origin]bool{}
	for _, r := range contents(t, o.Kafka, between) {
		at, _ := score.OriginOf(r.Value)
		known[at] = true
	}
	here := o
	here.Output = between
	partition, value := resultOfNew(t, o, processors()[0], func(value []byte) bool {
		at, ok := score.OriginOf(value)
		return ok && !known[at]
	})
	forgotten(t, here, partition, value)
	handOnPayments(t, o, processors()[0], 20)
	seen := map[score.Origin]int{}
	for _, r := range contents(t, o.Kafka, between) {
		at, ok := score.OriginOf(r.Value)
		if seen[at]++; !ok || seen[at] > 1 {
			t.Errorf("%q of %+v is handed on %d times", r.Value, at, seen[at])
		}
	}
	if len(seen) != 120 {
		t.Errorf("%d payments are handed on, want 120", len(seen))
	}
}

// TestAbortThatMissedAPredictionWithAHistoryIsMadeUpFor is the same for the one stage of a stream that knows what came before.
func TestAbortThatMissedAPredictionWithAHistoryIsMadeUpFor(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	trusting(t, o.Kafka)
	d, err := pipeline.Parse("solo.yaml", []byte(strings.Replace(pair, "  - {name: shops, aggregate: share, key: shop, over: [7d], shift: label_delay}\n", "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	b := &score.Bundle{Name: "solo", Version: "1", Definition: d, Spec: feature.SpecOf(d), Model: &model.Model{
		Features: []string{"cards"}, Threshold: .5,
		Preparation: model.Preparation{SignedLog: []bool{false}, Mean: []float32{0}, Scale: []float32{1}, Clip: 100},
		Members:     []model.MLP{{Layers: []model.Layer{{In: 1, Out: 1, Weights: []float32{1}, Bias: []float32{0}}}}},
	}}
	solo := func() Processor {
		e, err := b.NewStageEngine(0, score.StageOptions{EngineOptions: score.EngineOptions{Topic: o.Topic, MaxBatch: 64}})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	o.Model, o.ModelVersion, o.History = b.Name, b.Version, blank{}
	pay(t, o, 0, 100, 0)
	handOnPayments(t, o, solo(), 100)
	pay(t, o, 100, 120, 0)
	known := map[string]int{}
	count := func() {
		clear(known)
		for _, r := range contents(t, o.Kafka, o.Output) {
			p, err := score.DecodePrediction(r.Value)
			if err != nil {
				t.Fatal(err)
			}
			known[p.ID]++
		}
	}
	count()
	_, value := resultOfNew(t, o, solo(), func(value []byte) bool {
		p, err := score.DecodePrediction(value)
		return err == nil && known[p.ID] == 0
	})
	p, err := score.DecodePrediction([]byte(value))
	if err != nil {
		t.Fatal(err)
	}
	forgotten(t, o, p.Partition, value)
	handOnPayments(t, o, solo(), 20)
	count()
	for id, n := range known {
		if n != 1 {
			t.Errorf("payment %s has %d predictions", id, n)
		}
	}
	if len(known) != 120 {
		t.Errorf("%d payments have predictions, want 120", len(known))
	}
}

// blank is a History that keeps nothing.
type blank struct{}

func (blank) Load(_ context.Context, _ Processor, wants []Want) error {
	for i := range wants {
		wants[i].At = wants[i].Next
	}
	return nil
}
func (blank) Turn(Processor, []int32, []int64) {}
func (blank) Committed([]int32, []int64)       {}
func (blank) Close()                           {}

// TestRetiredStageIsNotJudgedByThePredictionsOfTheLast: predictions name the records of the source, too. Those of a last stage whose
// transaction comes to nothing say nothing about what the first one has handed on.
func TestRetiredStageIsNotJudgedByThePredictionsOfTheLast(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 1)
	loops, processors := stages(t, o)
	pay(t, o, 0, 20, 0)
	r := start(t, loops[0], processors()[0])
	r.until(t, "all is handed on", func(p Progress) bool { return p.Records == 20 })
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil {
		t.Fatal(got.err)
	}
	last, err := kafka.NewProducer(o.Kafka.client("last", kafka.ConfigMap{"transactional.id": o.Pipeline + ".last"}))
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	go discardEvents(last.Events())
	prediction := fmt.Appendf(nil, `{"id":"7","topic":%q,"partition":0,"offset":7,"row":0,"model":"m","model_version":"1"}`, o.Topic)
	ctx := within(t, time.Minute)
	for _, do := range []func() error{
		func() error { return last.InitTransactions(ctx) }, last.BeginTransaction,
		func() error {
			return last.Produce(&kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &o.Output, Partition: 0}, Value: prediction}, nil)
		},
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	last.Flush(10_000)
	aborted := make(chan error, 1)
	go func() {
		time.Sleep(3 * time.Second)
		aborted <- last.AbortTransaction(ctx)
	}()
	if err := Retire(ctx, loops[0], 1); err != nil {
		t.Fatal(err)
	}
	if err := <-aborted; err != nil {
		t.Fatal(err)
	}
	if n := scored(t, loops[0]); n != 20 {
		t.Errorf("%d records are committed after the owner was retired, want 20: the others are handed on again", n)
	}
}
