package audit

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/record"
	"temporal-streaming/internal/score"
)

// log is a topic in memory.
type log map[string][]record.Message

func (l log) read(_ context.Context, topic string, visit func(record.Message) error) error {
	for _, m := range l[topic] {
		m.Key, m.Value = bytes.Clone(m.Key), bytes.Clone(m.Value)
		if err := visit(m); err != nil {
			return err
		}
		clear(m.Value) // the reader's memory
	}
	return nil
}

// streamed is a stream of pipeline transactions that has run: its topics, and the options to audit it.
func streamed(t *testing.T, n int) (log, Options) {
	t.Helper()
	b := bundleOf(t, "transactions")
	r := rand.New(rand.NewPCG(4, 4))
	logs := log{}
	append1 := func(topic string, p int32, value []byte) record.Message {
		m := record.Message{Partition: p, Timestamp: 5, Value: bytes.Clone(value)}
		for _, other := range logs[topic] {
			if other.Partition == p {
				m.Offset++
			}
		}
		logs[topic] = append(logs[topic], m)
		return m
	}
	target := score.Target{Topic: "stage-1", Partitions: 2}
	o := score.EngineOptions{Topic: "source", Now: time.Now}
	first, err := b.NewStageEngine(0, score.StageOptions{EngineOptions: o, Next: target})
	if err != nil {
		t.Fatal(err)
	}
	last, err := b.NewStageEngine(1, score.StageOptions{EngineOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	labels, err := b.NewLabelEngine([]score.Target{target})
	if err != nil {
		t.Fatal(err)
	}
	var out, then score.Output
	finish := func() {
		for i := range out.Results {
			if out.Results[i].Kind != score.KindForward {
				continue
			}
			m := append1("stage-1", out.Results[i].Partition, out.Value(i))
			last.Process([]record.Message{m}, &then)
			for j := range then.Results {
				if then.Results[j].Kind == score.KindPrediction {
					append1("output", m.Partition, then.Value(j))
				}
			}
		}
	}
	for i := range n {
		customer := r.IntN(20)
		value := fmt.Sprintf(`{"TRANSACTION_ID":%d,"TX_DATETIME":%d,"CUSTOMER_ID":%d,"TERMINAL_ID":%d,"TX_AMOUNT":%d.25}`, i, 1_530_000_000+i*1000, customer, r.IntN(7), r.IntN(90))
		if i%50 == 49 {
			value = "nonsense"
		}
		first.Process([]record.Message{append1("source", int32(customer%2), []byte(value))}, &out)
		finish()
		if i%9 == 0 {
			labels.Process([]record.Message{append1("labels", 0, fmt.Appendf(nil, `{"TRANSACTION_ID":%d,"TX_FRAUD":1}`, i))}, &out)
			finish()
		}
	}
	return logs, Options{
		Bundle: b, Topics: Topics{Source: "source", Stages: []string{"stage-1"}, Partitions: 2, Labels: "labels", Output: "output"}, Read: logs.read,
		Committed: func(context.Context, string) ([]int64, error) { return []int64{1 << 40, 1 << 40}, nil },
	}
}

func run1(t *testing.T, o Options) Report {
	t.Helper()
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAuditOfAnHonestStreamPasses(t *testing.T) {
	logs, o := streamed(t, 2400)
	for topic := range logs { // a reader may be given one partition after the other
		slices.SortStableFunc(logs[topic], func(a, b record.Message) int { return int(a.Partition - b.Partition) })
	}
	for _, sample := range []int{0, 300} {
		o.Sample = sample
		r := run1(t, o)
		if !r.Passed() || r.Predictions != 2352 || r.Handed != 2352 || r.EventOrder.Different != 0 || r.EventOrder.Compared != r.Compared ||
			sample == 0 && r.Compared != 2352 || sample > 0 && (r.Compared < 150 || r.Compared > 600) {
			t.Errorf("sample %d: %+v", sample, r)
		}
	}
}

// Whatever is done to a topic shows.
func TestAuditFindsWhatWasTamperedWith(t *testing.T) {
	for name, c := range map[string]struct {
		tamper func(log)
		found  func(Report) bool
	}{
		"a probability": {func(l log) {
			m := &l["output"][100]
			m.Value = []byte(strings.Replace(string(m.Value), `"probability":0.`, `"probability":0.9`, 1))
		}, func(r Report) bool { return r.Different == 1 && r.EventOrder.Different == 0 }},
		"a feature": {func(l log) {
			m := &l["output"][100]
			i := bytes.Index(m.Value, []byte(`"features":"`)) + 13
			m.Value[i] ^= 1
		}, func(r Report) bool { return r.Different == 1 && r.EventOrder.Different == 1 }},
		"a prediction is gone": {func(l log) { l["output"] = append(l["output"][:5:5], l["output"][6:]...) },
			func(r Report) bool { return r.Missing == 1 }},
		"one is there twice": {func(l log) { l["output"] = append(l["output"], l["output"][7]) },
			func(r Report) bool { return r.Repeated == 1 }},
		"the source was changed": {func(l log) {
			m := &l["source"][10]
			m.Value = []byte(strings.Replace(string(m.Value), `.25`, `.50`, 1))
		}, func(r Report) bool { return r.HandedDifferent > 0 }},
		"a message of a stage is gone": {func(l log) { // the last record: nothing after it looks at it
			i := len(l["stage-1"]) - 1
			for ; l["stage-1"][i].Value[2] != 1; i-- { // a label
			}
			l["stage-1"] = append(l["stage-1"][:i:i], l["stage-1"][i+1:]...)
		}, func(r Report) bool { return r.HandedDifferent == 1 && r.Different == 0 }},
		"a message of a stage twice": {func(l log) {
			m := l["stage-1"][40]
			m.Offset = 1 << 30
			l["stage-1"] = append(l["stage-1"], m)
		}, func(r Report) bool { return r.HandedDifferent > 0 }},
	} {
		logs, o := streamed(t, 800)
		c.tamper(logs)
		r := run1(t, o)
		if r.Passed() || !c.found(r) || len(r.Differences) == 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// The last records may not be scored yet: only what was committed must have its prediction.
func TestAuditOfARunningStreamMissesNothingThatIsNotDue(t *testing.T) {
	logs, o := streamed(t, 500)
	n := len(logs["output"])
	logs["output"] = logs["output"][:n-20]
	o.Committed = func(context.Context, string) ([]int64, error) { return []int64{100, 100}, nil }
	if r := run1(t, o); !r.Passed() || r.Compared != int64(n-20) {
		t.Errorf("%+v", r)
	}
}

// A log whose beginning was deleted is audited from a snapshot on.
func TestAuditBeginsWithASnapshot(t *testing.T) {
	logs, o := streamed(t, 1000)
	cut := map[string][]int64{"source": {200, 150}, "stage-1": {260, 240}}
	states := map[string][]*feature.State{}
	o.Begin = nil
	for stage, topic := range []string{"source", "stage-1"} {
		options := score.StageOptions{EngineOptions: score.EngineOptions{Topic: "source"}, Next: score.Target{Topic: "stage-1", Partitions: 2}}
		e, err := o.Bundle.NewStageEngine(stage, options)
		if err != nil {
			t.Fatal(err)
		}
		var rest []record.Message
		for _, m := range logs[topic] {
			if m.Offset < cut[topic][m.Partition] {
				e.Absorb([]record.Message{m})
			} else {
				rest = append(rest, m)
			}
		}
		logs[topic] = rest
		states[topic] = []*feature.State{e.Histories().Of(0), e.Histories().Of(1)}
	}
	o.Begin = func(_ context.Context, topic string, h *score.Histories, p int32) (int64, error) {
		var b bytes.Buffer
		if err := states[topic][p].Snapshot(&b); err != nil {
			return 0, err
		}
		state, err := h.Read(&b)
		h.Set(p, state)
		return cut[topic][p], err
	}
	r := run1(t, o)
	if !r.Passed() || r.Compared < 300 || r.Unreached == 0 || r.EventOrder.Skipped == "" {
		t.Errorf("%+v", r)
	}
}
