package main

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"temporal-streaming/internal/stream"
)

func at(records, lag int64) stream.Progress {
	return stream.Progress{
		Counts:     stream.Counts{Records: records, Commits: records},
		Partitions: []stream.PartitionProgress{{Partition: 2, Lag: lag}},
	}
}

func TestTotalsGoOnWhenALoopStartsAnew(t *testing.T) {
	m := newMetrics()
	m.Observe("creditcard", 0, at(10, 5))
	m.Observe("creditcard", 0, at(30, 0))
	m.Observe("creditcard", 0, at(4, 0)) // a new loop counts from zero
	if got := value(t, m, "ts_stream_records_total"); got != 34 {
		t.Errorf("%v records, want 34", got)
	}
}

func TestLagOfAForgottenShardIsNoLag(t *testing.T) {
	m := newMetrics()
	m.Observe("creditcard", 0, at(10, 500))
	if got := value(t, m, "ts_stream_lag_records"); got != 500 {
		t.Fatalf("lag %v, want 500", got)
	}
	m.Forget("creditcard", 0)
	if got := value(t, m, "ts_stream_lag_records"); got != -1 {
		t.Errorf("lag %v is still shown", got)
	}
	if got := value(t, m, "ts_stream_records_total"); got != 10 {
		t.Errorf("the total fell to %v", got)
	}
}

// value is that of the only series of a metric, -1 if it has none.
func value(t *testing.T, m *metrics, name string) float64 {
	t.Helper()
	families, err := prometheus.Gatherer(m.registry).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		s := f.GetMetric()[0]
		if s.GetCounter() != nil {
			return s.GetCounter().GetValue()
		}
		return s.GetGauge().GetValue()
	}
	return -1
}
