package score

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"temporal-streaming/internal/record"
)

// chain is a stream of pipeline transactions-rich in memory: three stages, of which the last two read labels, too. What the first one
// has found out of a card decides in the second which of a terminal's records count.
type chain struct {
	t       testing.TB
	town    town // for training's way
	targets []Target
	engines []*StageEngine
	labels  *LabelEngine
	topics  [3][]record.Message // what each stage is still to read
	ends    [3][]int64          // of their partitions
	out     Output
}

func newChain(t testing.TB) *chain {
	c := &chain{t: t, town: town{t: t, bundle: statefulBundle(t, "transactions-rich")}}
	for _, s := range c.town.bundle.Definition.Stages()[1:] {
		c.targets = append(c.targets, Target{Topic: s.Topic, Partitions: 3})
	}
	for stage := range 3 {
		c.ends[stage] = make([]int64, 4)
		c.engines = append(c.engines, c.engine(stage))
	}
	var err error
	if c.labels, err = c.town.bundle.NewLabelEngine(c.targets); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *chain) engine(stage int) *StageEngine {
	o := StageOptions{EngineOptions: EngineOptions{Topic: "transactions", Now: noon, MaxBatch: 64}}
	if stage < len(c.targets) {
		o.Next = c.targets[stage]
	}
	e, err := c.town.bundle.NewStageEngine(stage, o)
	if err != nil {
		c.t.Fatal(err)
	}
	return e
}

// put appends a message to what a stage is to read.
func (c *chain) put(stage int, m record.Message) {
	m.Offset = c.ends[stage][m.Partition]
	c.ends[stage][m.Partition]++
	c.topics[stage] = append(c.topics[stage], m)
}

// tell copies a payment's label to the stages that look at labels.
func (c *chain) tell(p payment) {
	fraud := 0
	if p.fraud {
		fraud = 1
	}
	c.labels.Process([]record.Message{{Timestamp: p.at*1000 + 86400000, Value: fmt.Appendf(nil, `{"TRANSACTION_ID":%d,"TX_FRAUD":%d}`, p.id, fraud)}}, &c.out)
	for i, r := range c.out.Results {
		if r.Kind == KindForward {
			c.put(r.To+1, record.Message{Partition: r.Partition, Value: bytes.Clone(c.out.Value(i))})
		}
	}
}

// read has a stage read all that there is for it.
func (c *chain) read(stage int) {
	c.engines[stage].Process(c.topics[stage], &c.out)
	c.topics[stage] = c.topics[stage][:0]
	for i, r := range c.out.Results {
		switch r.Kind {
		case KindForward:
			c.put(stage+1, record.Message{Partition: r.Partition, Key: c.out.Key(i), Value: bytes.Clone(c.out.Value(i))})
		case KindPrediction:
			p, err := DecodePrediction(c.out.Value(i))
			if err != nil {
				c.t.Fatal(err)
			}
			c.town.got = append(c.town.got, p)
		case KindDeadLetter:
			c.t.Fatalf("dead letter %s: %s", r.Reason, r.Detail)
		}
	}
}

// reborn replaces a stage's engine by one that has its histories from snapshots.
func (c *chain) reborn(stage int) {
	heir := c.engine(stage)
	for p := range int32(4) {
		var b bytes.Buffer
		if err := c.engines[stage].Histories().Of(p).Snapshot(&b); err != nil {
			c.t.Fatal(err)
		}
		state, err := heir.Histories().Read(&b)
		if err != nil {
			c.t.Fatal(err)
		}
		heir.Histories().Set(p, state)
	}
	c.engines[stage] = heir
}

func TestAStageThatLooksAtAnEarlierOneGivesTheBitsOfTraining(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	c := newChain(t)
	ps := payments(r, 5000, 40, 25, 60)
	var later []payment
	for i := 0; i < len(ps); {
		n := min(1+r.IntN(20), len(ps)-i)
		for len(later) > 0 && later[0].at+86400 <= ps[i].at {
			c.tell(later[0])
			later = later[1:]
		}
		for _, p := range ps[i : i+n] {
			c.put(0, p.message(0))
		}
		later = append(later, ps[i:i+n]...)
		i += n
		for stage := range 3 {
			c.read(stage)
			if r.IntN(60) == 0 {
				c.reborn(stage)
			}
		}
	}
	c.town.compare(ps)
}
