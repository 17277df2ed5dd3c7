package main

import (
	"flag"
	"os"
	"strings"
	"testing"
)

// TestShortChaosBreaksNoPromise does a few faults of every target, two of them at once.
// `make chaos` does more of the same.
func TestShortChaosBreaksNoPromise(t *testing.T) {
	shortChaos(t, "--seed", "4", "--faults", "5", "--rate", "400", "--kinds", "worker-kill,worker-lost,broker-kill,temporal-stop,s3-stop,swap,scale")
}

var ofStages = flag.Bool("stages", false, "let a short chaos loose on a stream of stages, too, which takes a minute and a half")

// TestShortChaosLeavesHistoriesAsTheyShouldBe does a few to a stream of two stages: what is handed on and what is known of customers
// and terminals is held against the payments, too.
func TestShortChaosLeavesHistoriesAsTheyShouldBe(t *testing.T) {
	if !*ofStages {
		t.Skip("it takes a minute and a half: go test ./bench -run Histories -stages")
	}
	out := shortChaos(t, "--pipeline", "transactions", "--seed", "4", "--faults", "3", "--kinds", "worker-kill,worker-lost,broker-kill,swap,scale")
	if !strings.Contains(out, "**0 handed on wrongly**") || !strings.Contains(out, "by the ledger: **0 wrong**") {
		t.Error(out)
	}
}

func shortChaos(t *testing.T, args ...string) (out string) {
	t.Helper()
	logs := t.TempDir()
	code, out, errs := runOnServers(t, append([]string{"chaos", "--logs", logs}, args...)...)
	if code != exitOK || !strings.Contains(out, "**passed**") {
		journal, err := os.ReadFile(logs + "/journal.log")
		if err != nil {
			t.Error(err)
		}
		t.Fatalf("exit code %d\n%s\n%s\njournal:\n%s", code, errs, out, journal)
	}
	return out
}
