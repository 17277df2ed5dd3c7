package main

import (
	"errors"
	"strings"
	"testing"
)

// TestFlagsWithoutEffectAreRefused: a figure must not be taken for one of a warm broker, or of two shards, that it is not.
func TestFlagsWithoutEffectAreRefused(t *testing.T) {
	stream := func(args ...string) error { _, err := (&bench{}).streamOptions(args); return err }
	latency := func(args ...string) error { _, err := (&bench{}).latencyOptions(args); return err }
	if err := errors.Join(stream("--warmup", "30s"), stream("--pipeline", "transactions", "--records", "10"), latency("--linger", "1ms", "--pipeline", pipelineName),
		latency("--pipeline", "transactions", "--warmup", "30s")); err != nil {
		t.Errorf("flags that have an effect: %v", err)
	}
	for flag, err := range map[string]error{
		"--warmup": stream("--pipeline", "transactions", "--warmup", "30s"),
		"--runs":   stream("--runs", "2", "--pipeline", "transactions"),
		"--shards": latency("--pipeline", "transactions", "--shards", "2"),
	} {
		if !errors.Is(err, errUsage) || !strings.Contains(err.Error(), flag+" has no effect with --pipeline transactions") {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
