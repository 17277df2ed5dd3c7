package score

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"temporal-streaming/internal/record"
)

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
