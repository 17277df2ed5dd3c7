package main

import (
	"strings"
	"testing"
)

// TestAFitThatWasKilledEndsWithTheSameBits kills two workers in Fit. `go run ./bench fit-kills` kills ten.
func TestAFitThatWasKilledEndsWithTheSameBits(t *testing.T) {
	code, out, errs := runOnServers(t, "fit-kills", "--kills", "2", "--json")
	if code != exitOK || !strings.Contains(out, `"figure":"identical_runs","value":2`) {
		t.Fatalf("exit code %d\n%s\n%s", code, errs, out)
	}
}

func TestMLflowRunsThatDifferAreToldApart(t *testing.T) {
	a := mlflowRun{status: "FINISHED", metrics: map[string]string{"loss": "1 0.5\n2 0.25"}, files: map[string]string{"report.html": "ab"}}
	b := a
	if err := a.equals(b); err != nil {
		t.Errorf("equal runs differ: %v", err)
	}
	b.metrics = map[string]string{"loss": "1 0.5\n2 0.25\n2 0.25"}
	if err := a.equals(b); err == nil || !strings.Contains(err.Error(), "metric loss") {
		t.Errorf("an epoch that was logged twice: %v", err)
	}
	b = a
	b.files = map[string]string{"report.html": "ab", "extra": "cd"}
	if err := a.equals(b); err == nil || !strings.Contains(err.Error(), "file extra") {
		t.Errorf("a file more: %v", err)
	}
}
