package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestLatencyIsThatOfEveryMessage: one that is not answered, or answered twice, fails the benchmark.
func TestLatencyIsThatOfEveryMessage(t *testing.T) {
	code, out, errs := runOnServers(t, "latency", "--rate", "500", "--seconds", "2", "--warmup", "0s", "--json")
	if code != exitOK {
		t.Fatalf("exit code %d\n%s\n%s", code, out, errs)
	}
	got := map[string]float64{}
	for lines := json.NewDecoder(strings.NewReader(out)); lines.More(); {
		var line struct {
			Figure string  `json:"figure"`
			Value  float64 `json:"value"`
		}
		if err := lines.Decode(&line); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		got[line.Figure] = line.Value
	}
	if got["messages"] != 1000 || got["p50_ms"] <= 0 || got["p50_ms"] > got["p99_ms"] || got["p99_ms"] > got["max_ms"] {
		t.Errorf("%s", out)
	}
}
