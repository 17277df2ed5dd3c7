package feature_test

import (
	"bytes"
	"testing"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/record"
)

// A million customers with eight transactions each within the longest window: writing and reading their history.
func BenchmarkSnapshotOfAMillionKeys(b *testing.B) {
	d, p := transactions(b)
	stage := p.Stages()[0]
	s := stage.NewState()
	const keys, events = 1_000_000, 8
	rows := record.Rows{Width: len(d.StreamSchema()), N: 1}
	rows.Values = make([]float64, rows.Width)
	values := make([]float64, p.Width())
	for i := range keys * events {
		// TRANSACTION_ID, TX_DATETIME, CUSTOMER_ID, TERMINAL_ID, TX_AMOUNT
		copy(rows.Values, []float64{float64(i), 1522540800 + float64(i)*0.3, float64(i * 7919 % keys), float64(i % 5000), float64(i%20_000) / 100})
		if !s.Update(rows.Row(0), &rows.Texts, feature.Unknown, values) {
			b.Fatal("unusable")
		}
	}
	var file bytes.Buffer
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			file.Reset()
			if err := s.Snapshot(&file); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(file.Len())/keys, "file-B/key")
		b.ReportMetric(float64(s.Bytes())/keys, "state-B/key")
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			read, err := stage.ReadState(bytes.NewReader(file.Bytes()))
			if err != nil || read.Keys() != keys {
				b.Fatal(err)
			}
		}
	})
}
