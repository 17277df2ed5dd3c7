package main

import (
	"os"
	"strings"
	"testing"
)

// TestShortChaosBreaksNoPromise does a few faults of every target, two of them at once.
// `make chaos` does more of the same.
func TestShortChaosBreaksNoPromise(t *testing.T) {
	logs := t.TempDir()
	code, out, errs := runOnServers(t,
		"chaos", "--seed", "4", "--faults", "5", "--rate", "400", "--logs", logs,
		"--kinds", "worker-kill,worker-lost,broker-kill,temporal-stop,s3-stop,swap,scale")
	if code != exitOK || !strings.Contains(out, "**passed**") {
		journal, err := os.ReadFile(logs + "/journal.log")
		if err != nil {
			t.Error(err)
		}
		t.Fatalf("exit code %d\n%s\n%s\njournal:\n%s", code, errs, out, journal)
	}
}
