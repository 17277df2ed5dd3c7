package stream

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/score"
	"temporal-streaming/pipelines"
)

// creditcard is the engine of the real pipeline, with a model as cheap as can be: what
// remains is the loop, the decoder and the encoder.
func creditcard(b *testing.B, topic string) *score.Engine {
	b.Helper()
	d, err := pipelines.Load("creditcard")
	if err != nil {
		b.Fatal(err)
	}
	spec := feature.SpecOf(d)
	ones := slices.Repeat([]float32{1}, len(spec.Names()))
	bundle := &score.Bundle{Name: d.Name, Version: "1", Definition: d, Spec: spec, Model: &model.Model{
		Features:    spec.Names(),
		Preparation: model.Preparation{SignedLog: make([]bool, len(ones)), Mean: make([]float32, len(ones)), Scale: ones, Clip: 30},
		Members:     []model.MLP{{Layers: []model.Layer{{In: len(ones), Out: 1, Weights: ones, Bias: []float32{0}}}}},
		Threshold:   .5,
	}}
	e, err := bundle.NewEngine(score.EngineOptions{Topic: topic})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// seedMessage is a message as the seed's sender makes it, about 650 bytes.
func seedMessage(i int) []byte {
	names, values := make([]string, 0, 29), make([]string, 0, 29)
	for c := 1; c <= 28; c++ {
		names = append(names, fmt.Sprintf(`"V%d"`, c))
		values = append(values, fmt.Sprintf("%.14f", float64((i*31+c*17)%2000-1000)/317))
	}
	return fmt.Appendf(nil, `{"columns":[%s,"Amount"],"data":[[%s,%d.%02d]],"id":%d}`,
		strings.Join(names, ","), strings.Join(values, ","), i%900, i%100, i)
}

func sendSeed(b *testing.B, o Options, rate float64, n int) {
	b.Helper()
	ctx := within(b, time.Minute)
	s, err := NewSender(ctx, SenderOptions{Kafka: o.Kafka, Topic: o.Topic, Rate: rate})
	if err != nil {
		b.Fatal(err)
	}
	value := make([][]byte, 1000)
	for i := range value {
		value[i] = seedMessage(i)
	}
	for i := range n {
		if err := s.Send(ctx, fmt.Appendf(nil, "%08x-0000-4000-8000-%012x", i, i), value[i%len(value)]); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := s.Close(ctx); err != nil {
		b.Fatal(err)
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDrain drains a preloaded topic of 4 partitions, exactly once.
func BenchmarkDrain(b *testing.B) {
	const n = 300_000
	for range b.N {
		b.StopTimer()
		o := topics(b, broker(b), 4)
		sendSeed(b, o, 0, n)
		b.StartTimer()
		begun, used := time.Now(), cpu()
		r := start(b, o, creditcard(b, o.Topic))
		last := r.until(b, "all are scored", func(p Progress) bool { return p.Records == n })
		took, spent := last.LastCommit.Sub(begun), cpu()-used
		b.ReportMetric(n/took.Seconds(), "records/s")
		b.ReportMetric(n/spent.Seconds(), "records/cpu-s")
		b.ReportMetric(float64(n)/float64(last.Commits), "records/commit")
		r.stop()
		r.wait(b, 10*time.Second)
	}
}

// BenchmarkLatency sends at a steady rate and measures, with the loop's own histogram, from
// the input's timestamp to the commit.
func BenchmarkLatency(b *testing.B) {
	for _, rate := range []int{1000, 5000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			o := topics(b, broker(b), 4)
			r := start(b, o, creditcard(b, o.Topic))
			sendSeed(b, o, float64(rate), 1) // so that the loop has settled
			r.until(b, "it runs", func(p Progress) bool { return p.Records == 1 })
			for range b.N {
				sendSeed(b, o, float64(rate), 8*rate)
			}
			last := r.until(b, "all are scored", func(p Progress) bool { return p.Records == int64(1+8*rate*b.N) })
			b.ReportMetric(last.P50Millis, "p50-ms")
			b.ReportMetric(last.P99Millis, "p99-ms")
			b.ReportMetric(float64(last.Records)/float64(last.Commits), "records/commit")
		})
	}
}
