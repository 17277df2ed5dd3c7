package stream

import (
	"strings"
	"testing"
)

func TestQuotaSlowsTheLoopSaysSoAndLosesNothing(t *testing.T) {
	for what, limit := range map[string]struct{ produce, fetch int }{"sending": {produce: 20e3}, "fetching": {fetch: 10e3}} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			servers, k := several(t)
			o := topics(t, k, 2)
			log := listen(&o)
			const n = 8000
			preload(t, k, o.Topic, 0, n)
			client := "temporal-streaming-" + o.Pipeline
			if err := servers.Quota(t.Context(), client, limit.produce, limit.fetch); err != nil {
				t.Fatal(err)
			}
			o.MaxBatch = 500 // all at once would be done before the broker has counted it
			r := start(t, o, engine(t, o.Topic, nil))
			p := r.until(t, "it is throttled", func(p Progress) bool { return p.Throttled > 0 && p.Faults[FaultQuota] > 0 })
			t.Logf("answers are held back by up to %s after %d records", p.Throttled, p.Records)
			if p.Records == n {
				t.Error("it had scored all by then: nothing was slowed")
			}
			if !strings.Contains(p.LastError, "raise the broker's quota") {
				t.Errorf("last error is %q", p.LastError)
			}
			log.wantLine(t, FaultQuota, "producer_byte_rate")
			if err := servers.Quota(t.Context(), client, 0, 0); err != nil {
				t.Fatal(err)
			}
			r.until(t, "it is no longer throttled", func(p Progress) bool { return p.Throttled == 0 })
			exactly(t, r, o, n)
		})
	}
}
