package main

import (
	"bytes"
	"context"
	"os"
	"os/signal"
	"strings"
	"testing"

	"temporal-streaming/test/stack"
)

// TestAFitThatWasKilledEndsWithTheSameBits kills two workers in Fit. `go run ./bench fit-kills` kills ten.
func TestAFitThatWasKilledEndsWithTheSameBits(t *testing.T) {
	if testing.Short() {
		t.Skip("needs servers, and a minute")
	}
	if _, err := stack.Program(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var out, errs bytes.Buffer
	code := run(ctx, os.Environ(), []string{"fit-kills", "--kills", "2", "--json"}, nil, &out, &errs)
	if code != exitOK || !strings.Contains(out.String(), `"figure":"identical_runs","value":2`) {
		t.Fatalf("exit code %d\n%s\n%s", code, &errs, &out)
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
