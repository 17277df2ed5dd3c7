package score

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"temporal-streaming/internal/record"
)

// cardMessages are n messages as the sender writes them.
func cardMessages(b *Bundle, n int) []record.Message {
	r := rand.New(rand.NewPCG(7, 7))
	in := make([]record.Message, n)
	for m := range in {
		names, values := "", ""
		for i, c := range b.Definition.StreamSchema() {
			if i > 0 {
				names, values = names+", ", values+", "
			}
			names += `"` + c.Name + `"`
			values += fmt.Sprintf("%.15g", r.NormFloat64())
		}
		in[m] = record.Message{
			Partition: int32(m % 4), Offset: int64(1000 + m), Timestamp: minute + int64(m),
			Key:   fmt.Appendf(nil, "%08x-%04x-4%03x-8%03x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), r.IntN(1<<12), r.Int64N(1<<48)),
			Value: fmt.Appendf(nil, `{"columns": [%s], "data": [[%s]], "id": %d}`, names, values, m),
		}
	}
	return in
}

func TestProcessAllocatesNothing(t *testing.T) {
	bundle := cardBundle(t)
	in := cardMessages(bundle, 100)
	for _, batch := range []int{1, 16, 4096} { // in sub-batches too
		engine := engineOf(t, bundle, EngineOptions{MaxBatch: batch})
		var out Output
		engine.Process(in, &out)
		for i, r := range out.Results {
			if r.Kind != KindPrediction {
				t.Fatalf("result %d: %+v", i, r)
			}
		}
		if n := testing.AllocsPerRun(100, func() { engine.Process(in, &out) }); n != 0 {
			t.Errorf("batch %d: %v allocations for %d records, want 0", batch, n, len(in))
		}
	}
}

func BenchmarkEngine(b *testing.B) {
	bundle := cardBundle(b)
	for _, size := range []int{1, 64, 1024, 4096} {
		b.Run(fmt.Sprintf("batch-%d", size), func(b *testing.B) {
			in := cardMessages(bundle, size)
			engine := engineOf(b, bundle, EngineOptions{})
			var out Output
			b.ReportAllocs()
			for b.Loop() {
				engine.Process(in, &out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size), "ns/record")
		})
	}
}

// The parts of the engine on their own, 1024 records at a time.
func BenchmarkEngineParts(b *testing.B) {
	const size = 1024
	bundle := cardBundle(b)
	in := cardMessages(bundle, size)
	engine := engineOf(b, bundle, EngineOptions{})
	perRecord := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/record")
	}
	decode := func() {
		engine.rows.Reset()
		for i := range in {
			if _, err := engine.decoder.Decode(in[i].Value, &engine.rows); err != nil {
				b.Fatal(err)
			}
		}
	}
	decode() // the other parts need its rows
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			decode()
		}
		perRecord(b)
	})
	b.Run("vector", func(b *testing.B) {
		width := engine.plan.Width()
		for b.Loop() {
			for i := range size {
				engine.plan.Vector(engine.rows.Row(i), engine.vectors[i*width:(i+1)*width])
			}
		}
		perRecord(b)
	})
	b.Run("score", func(b *testing.B) {
		out := make([]float32, size)
		for b.Loop() {
			engine.scorer.Score(engine.vectors, size, out)
		}
		perRecord(b)
	})
	b.Run("encode", func(b *testing.B) {
		engine.encoder.startBatch(noon())
		o := origin{rows: 1, sourceID: []byte("123456")}
		var arena []byte
		for b.Loop() {
			arena = arena[:0]
			for i := range in {
				o.partition, o.offset, o.timestamp, o.key = in[i].Partition, in[i].Offset, in[i].Timestamp, in[i].Key
				arena = engine.encoder.prediction(arena, &o, nil, 0, 0.0123456)
			}
		}
		perRecord(b)
	})
}
