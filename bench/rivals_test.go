package main

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestRivalsDoTheSameWork has each drain a small topic. The benchmark itself holds every output against the ledger, and the
// probabilities of the rivals against the worker's.
func TestRivalsDoTheSameWork(t *testing.T) {
	if _, err := exec.LookPath("mvn"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("Maven fetches the rivals in Java: ", err)
	}
	code, out, errs := runOnServers(t, "rivals", "--records", "2000", "--runs", "1", "--warmup", "0s", "--seconds", "0", "--kills", "0")
	if code != exitOK || !strings.Contains(out, "times_records_per_cpu_second") {
		t.Fatalf("exit code %d\n%s\n%s", code, errs, out)
	}
	for _, p := range peers() {
		if !strings.Contains(out, p.String()) { // which the settings spell otherwise
			t.Errorf("nothing of %v in\n%s", p, out)
		}
	}
}

func TestRivalsArePinned(t *testing.T) {
	for _, p := range peers() {
		if !regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`).MatchString(p.version) {
			t.Errorf("%s: version %q", p.name, p.version)
		}
	}
}

func TestRivalsAreFoundByName(t *testing.T) {
	found, err := peersNamed("quix, flink")
	if err != nil || len(found) != 2 || found[0].name != "quix" || found[1].name != "flink" {
		t.Errorf("%v, %v", found, err)
	}
	for _, wrong := range []string{"", "storm", "flink,"} {
		if _, err := peersNamed(wrong); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
