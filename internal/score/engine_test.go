package score

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"temporal-streaming/internal/record"
	"temporal-streaming/test/golden"
)

const minute = 1_767_225_600_000 // 2026-01-01T00:00:00Z in unix milliseconds

// What goes in and what comes out, for a person to read: testdata/engine.txt.
func TestEngineAnswersEveryMessage(t *testing.T) {
	long := strings.Repeat("k", record.MaxIDBytes+1)
	in := []record.Message{
		{Partition: 0, Offset: 10, Timestamp: minute, Key: []byte("5f1c"), Value: []byte(`{"columns":["x","n"],"data":[[1,0]],"id":7}`)},
		{Partition: 0, Offset: 11, Timestamp: minute + 1, Key: []byte("5f1d"), Value: []byte(`{"x":-1.5,"n":3,"id":"seven"}`)},
		{Partition: 1, Offset: 12, Timestamp: minute + 999, Key: []byte("many"), Value: []byte(`{"columns":["n","y","x"],"data":[[0,"",0.5493],[1,null,0.9],[7,{},-20]]}`)},
		{Partition: 1, Offset: 13, Timestamp: minute + 1000, Key: nil, Value: []byte(`{"x":0,"n":0}`)},
		{Partition: 1, Offset: 14, Timestamp: -1, Key: []byte{}, Value: []byte(`{"x":0,"n":0}`)},
		{Partition: 2, Offset: 15, Timestamp: minute, Key: []byte{0xff, 0xfe}, Value: []byte(`{"x":0,"n":0}`)},
		{Partition: 2, Offset: 16, Timestamp: minute, Key: []byte("a \"key\"\n\\ \u00e9"), Value: []byte(`{"x":0,"n":0,"id":"a \"id\" \u00e9"}`)},
		{Partition: 2, Offset: 17, Timestamp: minute, Key: []byte("bytes"), Value: []byte("{\"x\":0,\"n\":0,\"id\":\"\xff\"}")},
		{Partition: 2, Offset: 18, Timestamp: minute, Key: []byte("huge"), Value: []byte(`{"x":30,"n":0}`)},
		{Partition: 2, Offset: 19, Timestamp: minute, Key: []byte("not json"), Value: []byte(`hello`)},
		{Partition: 2, Offset: 20, Timestamp: minute, Key: []byte("tombstone"), Value: nil},
		{Partition: 2, Offset: 21, Timestamp: minute, Key: []byte("empty"), Value: []byte{}},
		{Partition: 2, Offset: 22, Timestamp: minute, Key: []byte("missing"), Value: []byte(`{"x":0}`)},
		{Partition: 2, Offset: 23, Timestamp: minute, Key: []byte("one bad row"), Value: []byte(`{"columns":["x","n"],"data":[[1,0],["1",0]]}`)},
		{Partition: 2, Offset: 24, Timestamp: minute, Key: []byte("beyond float32"), Value: []byte(`{"columns":["x","n"],"data":[[1,0],[1e300,0]]}`)},
		{Partition: 2, Offset: 25, Timestamp: minute, Key: []byte("log of nothing"), Value: []byte(`{"x":0,"n":-1}`)},
		{Partition: 2, Offset: 26, Timestamp: minute, Key: []byte(long), Value: []byte(`{"x":0,"n":0}`)},
		{Partition: 2, Offset: 27, Timestamp: minute, Key: []byte("last"), Value: []byte(`{"x":0.25,"n":0}`)},
	}
	var out Output
	engine := engineOf(t, opened(t, smallFiles(t)), EngineOptions{})
	engine.scorer = byHand{} // the same digits on every processor
	engine.Process(in, &out)
	golden.Compare(t, "engine.txt", transcript(in, &out))
	for i, r := range out.Results {
		if r.Kind == KindPrediction {
			checkPrediction(t, in[r.Input], out.Value(i))
		}
	}
}

// byHand computes what smallModel means, in float64.
type byHand struct{}

func (byHand) Score(x []float32, n int, out []float32) {
	for i := range n {
		out[i] = float32(1 / (1 + math.Exp(float64(x[2*i+1])-2*float64(x[2*i]))))
	}
}

func transcript(in []record.Message, out *Output) string {
	var b strings.Builder
	last := -1
	for i, r := range out.Results {
		if r.Input != last {
			fmt.Fprintf(&b, "> %.40q %q\n", in[r.Input].Key, in[r.Input].Value)
			last = r.Input
		}
		if r.Kind == KindDeadLetter {
			fmt.Fprintf(&b, "dead letter %s: %s\n", r.Reason, r.Detail)
			continue
		}
		fmt.Fprintf(&b, "%s\n", out.Value(i))
	}
	return b.String()
}

// checkPrediction fails unless value is JSON that names its message.
func checkPrediction(t interface {
	Helper()
	Fatalf(string, ...any)
}, m record.Message, value []byte) {
	t.Helper()
	if !json.Valid(value) {
		t.Fatalf("not JSON: %s", value)
	}
	p, err := DecodePrediction(value)
	if err != nil {
		t.Fatalf("%v: %s", err, value)
	}
	if p.Partition != m.Partition || p.Offset != m.Offset {
		t.Fatalf("%s does not name offset %d of partition %d", value, m.Offset, m.Partition)
	}
	if !(p.Probability >= 0 && p.Probability <= 1) || (p.Probability >= p.Threshold) != (p.Decision != "fine") {
		t.Fatalf("probability, threshold and decision contradict each other: %s", value)
	}
}

// oracle is a scorer whose answers the test chooses.
type oracle []float32

func (o oracle) Score(_ []float32, n int, out []float32) { copy(out[:n], o) }

func TestAnswerThatIsNotFiniteIsADeadLetter(t *testing.T) {
	engine := engineOf(t, opened(t, smallFiles(t)), EngineOptions{})
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	engine.scorer = oracle{0.5, nan, 0.25, inf, 0.125}
	in := []record.Message{
		{Value: []byte(`{"x":1,"n":1}`)},
		{Value: []byte(`{"x":1,"n":1}`)},
		{Value: []byte(`{"columns":["x","n"],"data":[[1,1],[2,2]]}`)},
		{Value: []byte(`{"x":1,"n":1}`)},
	}
	var out Output
	engine.Process(in, &out)
	want := []Kind{KindPrediction, KindDeadLetter, KindDeadLetter, KindPrediction}
	if len(out.Results) != len(want) {
		t.Fatalf("%d results, want %d", len(out.Results), len(want))
	}
	for i, r := range out.Results {
		if r.Kind != want[i] || r.Input != i || r.Kind == KindDeadLetter && r.Reason != NotScorable {
			t.Errorf("result %d: %+v", i, r)
		}
	}
}

// fuse is a scorer that panics once.
type fuse struct{ blown bool }

func (f *fuse) Score(_ []float32, n int, out []float32) {
	if !f.blown {
		f.blown = true
		panic("the scorer panics")
	}
	for i := range n {
		out[i] = 0.5
	}
}

func TestPanickedBatchLeavesNothingBehind(t *testing.T) {
	engine := engineOf(t, opened(t, smallFiles(t)), EngineOptions{})
	engine.scorer = &fuse{}
	in := []record.Message{
		{Offset: 1, Value: []byte(`{"x":1,"n":1}`)},
		{Offset: 2, Value: []byte(`{"x":1,"n":1}`)},
	}
	var out Output
	func() {
		defer func() {
			if recover() == nil {
				t.Fatal("the scorer did not panic")
			}
		}()
		engine.Process(in, &out)
	}()
	engine.Process(in[1:], &out)
	if len(out.Results) != 1 || out.Results[0].Input != 0 {
		t.Fatalf("%d results of one message after a panic: %+v", len(out.Results), out.Results)
	}
	checkPrediction(t, in[1], out.Value(0))
}

func TestHugeArenaIsNotKept(t *testing.T) {
	engine := engineOf(t, opened(t, smallFiles(t)), EngineOptions{})
	big := bytes.Repeat([]byte{'x'}, 1<<20)
	in := make([]record.Message, 40)
	for i := range in {
		in[i].Value = big
	}
	var out Output
	engine.Process(in, &out)
	if len(out.arena) < maxKeptArena {
		t.Fatalf("the test fills only %d bytes", len(out.arena))
	}
	engine.Process(nil, &out)
	if cap(out.arena) > maxKeptArena || len(out.Results) != 0 {
		t.Errorf("%d bytes and %d results are kept", cap(out.arena), len(out.Results))
	}
}
