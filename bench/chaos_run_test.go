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

// TestShortChaosBreaksNoPromise does a few faults of every target, two of them at once.
// `make chaos` does more of the same.
func TestShortChaosBreaksNoPromise(t *testing.T) {
	if testing.Short() {
		t.Skip("needs servers, and two minutes")
	}
	if _, err := stack.Program(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	logs := t.TempDir()
	var out, errs bytes.Buffer
	code := run(ctx, os.Environ(), []string{
		"chaos", "--seed", "4", "--faults", "5", "--rate", "400", "--logs", logs,
		"--kinds", "worker-kill,worker-lost,broker-kill,temporal-stop,s3-stop,swap,scale",
	}, nil, &out, &errs)
	if code != exitOK || !strings.Contains(out.String(), "**passed**") {
		journal, err := os.ReadFile(logs + "/journal.log")
		if err != nil {
			t.Error(err)
		}
		t.Fatalf("exit code %d\n%s\n%s\njournal:\n%s", code, &errs, &out, journal)
	}
}
