package score

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"temporal-streaming/internal/record"
)

var update = flag.Bool("update", false, "write the golden files anew")

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
	golden(t, "engine.txt", transcript(in, &out))
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

func TestEngineScoresWhatTheModelMeans(t *testing.T) {
	bundle := opened(t, smallFiles(t))
	real, ideal := engineOf(t, bundle, EngineOptions{}), engineOf(t, bundle, EngineOptions{})
	ideal.scorer = byHand{}
	rapid.Check(t, func(rt *rapid.T) {
		in := messages(rt)
		var a, b Output
		real.Process(in, &a)
		ideal.Process(in, &b)
		if len(a.Results) != len(b.Results) {
			rt.Fatalf("%d results, want %d", len(a.Results), len(b.Results))
		}
		for i, r := range a.Results {
			if r.Kind != KindPrediction {
				continue
			}
			p, err := DecodePrediction(a.Value(i))
			q, err2 := DecodePrediction(b.Value(i))
			if err != nil || err2 != nil || math.Abs(float64(p.Probability-q.Probability)) > 1e-6 {
				rt.Fatalf("%s, want %s (%v, %v)", a.Value(i), b.Value(i), err, err2)
			}
		}
	})
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

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (run with -update and look at the difference):\n%s", path, got)
	}
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

// messages draws valid and invalid messages, of one row and of several.
func messages(t *rapid.T) []record.Message {
	value := rapid.OneOf(
		rapid.Just([]byte(nil)),
		rapid.SampledFrom([][]byte{{}, []byte(`hello`), []byte(`{"x":1}`), []byte(`{"x":1e99,"n":1}`), []byte(`{"x":1,"n":-3}`), []byte(`{"columns":["x","n"],"data":[[0,1],[null,1]]}`)}),
		rapid.Custom(func(t *rapid.T) []byte {
			return fmt.Appendf(nil, `{"n":%d,"x":%g,"id":%d}`, rapid.IntRange(0, 99).Draw(t, "n"), rapid.Float64Range(-4, 4).Draw(t, "x"), rapid.Int().Draw(t, "id"))
		}),
		rapid.Custom(func(t *rapid.T) []byte {
			rows := rapid.SliceOfN(rapid.Float64Range(-4, 4), 1, 9).Draw(t, "rows")
			out := []byte(`{"columns":["x","n"],"data":[`)
			for i, x := range rows {
				if i > 0 {
					out = append(out, ',')
				}
				out = fmt.Appendf(out, `[%g,%d]`, x, i)
			}
			return append(out, "]}"...)
		}),
	)
	message := rapid.Custom(func(t *rapid.T) record.Message {
		return record.Message{
			Partition: rapid.Int32Range(0, 3).Draw(t, "partition"),
			Offset:    rapid.Int64Range(0, 1<<40).Draw(t, "offset"),
			Timestamp: rapid.Int64Range(-1, 1<<42).Draw(t, "timestamp"),
			Key:       rapid.SliceOfN(rapid.Byte(), -1, 12).Draw(t, "key"),
			Value:     value.Draw(t, "value"),
		}
	})
	return rapid.SliceOfN(message, 0, 20).Draw(t, "messages")
}

func TestResultsDoNotDependOnTheBatch(t *testing.T) {
	bundle := opened(t, smallFiles(t))
	large := engineOf(t, bundle, EngineOptions{})
	rapid.Check(t, func(rt *rapid.T) {
		in := messages(rt)
		small := engineOf(t, bundle, EngineOptions{MaxBatch: rapid.IntRange(1, 7).Draw(rt, "batch")})
		var atOnce, inParts, single Output
		large.Process(in, &atOnce)
		small.Process(in, &inParts)
		if a, b := transcript(in, &atOnce), transcript(in, &inParts); a != b {
			rt.Fatalf("in one batch:\n%s\nin sub-batches:\n%s", a, b)
		}
		i := 0
		for k := range in {
			small.Process(in[k:k+1], &single)
			for j := range single.Results {
				if i >= len(atOnce.Results) || atOnce.Results[i].Input != k {
					rt.Fatalf("message %d has another number of results alone than in the batch", k)
				}
				if !bytes.Equal(atOnce.Value(i), single.Value(j)) || !bytes.Equal(atOnce.Key(i), single.Key(j)) {
					rt.Fatalf("message %d: %s in the batch, %s alone", k, atOnce.Value(i), single.Value(j))
				}
				i++
			}
		}
		if i != len(atOnce.Results) {
			rt.Fatalf("%d results in the batch, %d one by one", len(atOnce.Results), i)
		}
	})
}

func TestEveryMessageHasPredictionsOrOneDeadLetter(t *testing.T) {
	bundle := opened(t, smallFiles(t))
	engine := engineOf(t, bundle, EngineOptions{MaxBatch: 5})
	var out Output
	rapid.Check(t, func(rt *rapid.T) {
		in := messages(rt)
		engine.Process(in, &out)
		predictions, letters := make([]int, len(in)), make([]int, len(in))
		last := 0
		for i, r := range out.Results {
			if r.Input < last {
				rt.Fatalf("result %d is of message %d, after one of message %d", i, r.Input, last)
			}
			last = r.Input
			m := in[r.Input]
			if !bytes.Equal(out.Key(i), m.Key) || (out.Key(i) == nil) != (m.Key == nil) {
				rt.Fatalf("key %q, want the message's %q", out.Key(i), m.Key)
			}
			if r.Kind == KindPrediction {
				predictions[r.Input]++
				checkPrediction(rt, m, out.Value(i))
				continue
			}
			letters[r.Input]++
			if r.Reason == "" || r.Detail == "" || !bytes.Equal(out.Value(i), m.Value) || (out.Value(i) == nil) != (m.Value == nil) {
				rt.Fatalf("dead letter %+v with %q of %q", r, out.Value(i), m.Value)
			}
		}
		for i := range in {
			if letters[i] > 1 || letters[i] == 1 && predictions[i] > 0 || letters[i]+predictions[i] == 0 {
				rt.Fatalf("message %d: %d predictions and %d dead letters", i, predictions[i], letters[i])
			}
		}
	})
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
