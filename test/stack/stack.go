// Package stack gives a test, or a benchmark, the real servers: Temporal, S3, Kafka and MLflow, by the devstack binary, on
// ports and in a data folder of their own.
//
//	servers := stack.Start(t, stack.Options{Services: []string{stack.Kafka, stack.S3}, Kafka: stack.Apache})
//	cmd := exec.Command("bin/worker")
//	cmd.Env = servers.Environ()
//	...
//	servers.Kill(t, stack.Kafka) // SIGKILL; returns when the broker can be used again
//
// When Start returns, every service that was asked for can be used: topics, buckets and search attributes exist. The
// stack ends with the test, and also when the test process dies: no server is ever left behind. Where the binary is not
// built, the test is skipped with the command that builds it; with CI=true in the environment it fails instead.
//
// A program that is no test calls Open. It gets Servers, which have the same verbs and return errors.
package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// The services.
const (
	Temporal = "temporal"
	S3       = "s3"
	Kafka    = "kafka"
	MLflow   = "mlflow" // brings S3 with it
)

// Broker is the service name of one of several brokers, counted from 1.
func Broker(number int) string { return fmt.Sprintf("%s-%d", Kafka, number) }

// The kinds of Kafka. Tests of faults and of exactly-once delivery belong on Apache.
const (
	Embedded = "embedded"
	Apache   = "apache"
)

// Options says what to start.
type Options struct {
	Services []string // default: all
	Kafka    string   // default: Embedded
	Data     string   // data folder; default: a temporary one that goes with the test

	// Of Apache Kafka: how many brokers (default 1), whether they have a second listener that
	// asks for SCRAM-SHA-256 credentials, and lines KEY=VALUE of their configuration.
	Brokers  int
	SASL     bool
	KafkaSet []string
}

func (o Options) withDefaults() Options {
	if len(o.Services) == 0 {
		o.Services = []string{Temporal, S3, Kafka, MLflow}
	}
	if o.Kafka == "" {
		o.Kafka = Embedded
	}
	return o
}

// Stack is Servers whose verbs end the test when they fail.
type Stack struct{ *Servers }

// Start runs a stack for one test.
func Start(t testing.TB, o Options) *Stack {
	t.Helper()
	find(t)
	if o.Data == "" {
		o.Data = filepath.Join(t.TempDir(), "stack")
	}
	servers, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(servers.Logs())
		}
		if err := servers.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Stack{servers}
}

// find ends the test where there is no devstack binary.
func find(t testing.TB) {
	t.Helper()
	_, err := Program()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// Program is $DEVSTACK_BIN, or .devstack/bin/devstack in the repository. The error says how to build it.
func Program() (string, error) {
	program := os.Getenv("DEVSTACK_BIN")
	if program == "" {
		root, err := root()
		if err != nil {
			return "", err
		}
		program = filepath.Join(root, ".devstack", "bin", "devstack")
	}
	if _, err := os.Stat(program); err != nil {
		return "", fmt.Errorf("no devstack binary (%w): build it with: make devstack", err)
	}
	return program, nil
}

// root is the folder of the main module: the nearest one upwards with a go.mod that is not a nested module's.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for from := dir; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "devstack", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find the repository: no folder above %s has devstack/go.mod", from)
		}
	}
}
