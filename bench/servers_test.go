package main

import (
	"bytes"
	"context"
	"os"
	"os/signal"
	"testing"

	"temporal-streaming/test/stack"
)

// runOnServers runs the program, which starts servers of its own. The test is skipped where it must be short, and where there is no devstack.
func runOnServers(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs servers, and a minute or two")
	}
	if _, err := stack.Program(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var stdout, stderr bytes.Buffer
	code = run(ctx, os.Environ(), args, nil, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}
