package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestKafkaStreamsDoesTheSameWork has both drain a small topic. The benchmark itself holds either output against the ledger, and the
// probabilities of the two against each other.
func TestKafkaStreamsDoesTheSameWork(t *testing.T) {
	if _, err := exec.LookPath("mvn"); err != nil && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	code, out, errs := runOnServers(t, "kafka-streams", "--records", "2000", "--runs", "1", "--warmup", "0s", "--seconds", "0", "--kills", "0")
	if code != exitOK || !strings.Contains(out, "times_records_per_cpu_second") || !strings.Contains(out, "Kafka Streams") {
		t.Errorf("exit code %d\n%s\n%s", code, errs, out)
	}
}

func TestKafkaStreamsIsPinned(t *testing.T) {
	if v := streamsVersion(); strings.Count(v, ".") != 2 || strings.ContainsAny(v, "<>[](), ") {
		t.Errorf("version %q", v)
	}
}
