package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"temporal-streaming/internal/job"
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
	m.Observe("creditcard", job.Shard{}, at(10, 5))
	m.Observe("creditcard", job.Shard{}, at(30, 0))
	m.Observe("creditcard", job.Shard{}, at(4, 0)) // a new loop counts from zero
	if got := value(t, m, "ts_stream_records_total"); got != 34 {
		t.Errorf("%v records, want 34", got)
	}
}

func TestLagOfAForgottenShardIsNoLag(t *testing.T) {
	m := newMetrics()
	m.Observe("creditcard", job.Shard{}, at(10, 500))
	if got := value(t, m, "ts_stream_lag_records"); got != 500 {
		t.Fatalf("lag %v, want 500", got)
	}
	m.Forget("creditcard", job.Shard{})
	if got := value(t, m, "ts_stream_lag_records"); got != -1 {
		t.Errorf("lag %v is still shown", got)
	}
	if got := value(t, m, "ts_stream_records_total"); got != 10 {
		t.Errorf("the total fell to %v", got)
	}
}

func TestFaultsAreCountedByKind(t *testing.T) {
	m := newMetrics()
	faulty := func(n int64) stream.Progress {
		p := at(10, 0)
		p.Faults, p.Restarts = map[stream.Fault]int64{stream.FaultAuth: n}, n
		return p
	}
	for _, n := range []int64{1, 1, 3, 2} { // the last is a new loop, which has seen two
		m.Observe("creditcard", job.Shard{}, faulty(n))
	}
	for kind, want := range map[stream.Fault]float64{stream.FaultAuth: 5, stream.FaultQuota: 0} {
		if got := value(t, m, "ts_stream_errors_total", string(kind)); got != want {
			t.Errorf("%v faults of kind %s, want %v", got, kind, want)
		}
	}
	if got := value(t, m, "ts_stream_restarts_total"); got != 5 {
		t.Errorf("%v restarts, want 5", got)
	}
}

func TestStateOfAShardIsOneAtATime(t *testing.T) {
	m := newMetrics()
	p := at(10, 0)
	for _, p.State = range []stream.State{stream.StateStarting, stream.StateRunning} {
		p.Stuck, p.BatchAge, p.Throttled = "records wait", 3*time.Second, 250*time.Millisecond
		m.Observe("creditcard", job.Shard{}, p)
		for name, want := range map[string]float64{
			"ts_stream_state": 1, "ts_stream_stuck": 1, "ts_stream_batch_age_seconds": 3, "ts_stream_throttle_seconds": .25, "ts_stream_paused": 0,
		} {
			if got := value(t, m, name); got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "ts_stream_state" && (len(f.GetMetric()) != 1 || !strings.Contains(f.GetMetric()[0].String(), "running")) {
			t.Errorf("states %v, want running alone", f.GetMetric())
		}
	}
	m.Forget("creditcard", job.Shard{})
	for _, name := range []string{"ts_stream_state", "ts_stream_stuck", "ts_stream_records_per_second"} {
		if got := value(t, m, name); got != -1 {
			t.Errorf("%s of a forgotten shard is %v", name, got)
		}
	}
}

// value is that of a metric's first series with all these label values, -1 if it has none.
func value(t *testing.T, m *metrics, name string, labels ...string) float64 {
	t.Helper()
	families, err := prometheus.Gatherer(m.registry).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, s := range f.GetMetric() {
			var of []string
			for _, l := range s.GetLabel() {
				of = append(of, l.GetValue())
			}
			switch {
			case slices.ContainsFunc(labels, func(label string) bool { return !slices.Contains(of, label) }):
			case s.GetCounter() != nil:
				return s.GetCounter().GetValue()
			default:
				return s.GetGauge().GetValue()
			}
		}
	}
	return -1
}
