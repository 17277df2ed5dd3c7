package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"temporal-streaming/devstack/internal/control"
	"temporal-streaming/devstack/internal/settings"
)

// TestMain lets the test binary be devstack itself, in the background and as a service too: they all have the variable.
func TestMain(m *testing.M) {
	if os.Getenv("DEVSTACK_TEST_BINARY") != "" {
		main()
	}
	os.Exit(m.Run())
}

// devstack runs a command line; its data folder is data.
func devstack(t *testing.T, data string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], append(args, "--data", data)...)
	cmd.Env = append(os.Environ(), "DEVSTACK_TEST_BINARY=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// up starts a stack on free ports; it ends with the test.
func up(t *testing.T, data string, args ...string) control.Answer {
	t.Helper()
	t.Cleanup(func() { devstack(t, data, "down") }) // fails when the test has stopped it, which is well
	args = append([]string{"up", "--json", "--temporal-port", "0", "--ui-port", "0", "--s3-port", "0", "--kafka-port", "0", "--mlflow-port", "0"}, args...)
	stdout, stderr, code := devstack(t, data, args...)
	if code != success {
		t.Fatalf("up: exit code %d\n%s%s", code, stdout, stderr)
	}
	return decode(t, stdout)
}

func decode(t *testing.T, text string) control.Answer {
	t.Helper()
	var answer control.Answer
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return answer
}

func TestUpStatusDown(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first := up(t, data, "--only", "s3,kafka")
	if again := up(t, data, "--only", "s3,kafka"); again.PID != first.PID {
		t.Errorf("a second up started another devstack: %d, then %d", first.PID, again.PID)
	}
	if _, stderr, code := devstack(t, data, "run", "--only", "s3"); code != failure || !strings.Contains(stderr, "already") {
		t.Errorf("a second run on the folder: exit code %d, %s", code, stderr)
	}
	if stdout, _, code := devstack(t, data, "status", "--json"); code != success || decode(t, stdout).PID != first.PID {
		t.Errorf("status: exit code %d, %s", code, stdout)
	}
	if stdout, stderr, code := devstack(t, data, "down"); code != success {
		t.Errorf("down: exit code %d, %s%s", code, stdout, stderr)
	}
	expectGone(t, first)
	for _, verb := range []string{"status", "down"} {
		if _, stderr, code := devstack(t, data, verb); code != notRunning {
			t.Errorf("%s of a stopped stack: exit code %d, %s", verb, code, stderr)
		}
	}
}

func TestTwoUpsAtOnceShareOneDevstack(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	t.Cleanup(func() { devstack(t, data, "down") })
	answers := make([]control.Answer, 2)
	var both sync.WaitGroup
	for i := range answers {
		both.Go(func() {
			stdout, stderr, code := devstack(t, data, "up", "--json", "--only", "s3", "--s3-port", "0")
			if code != success {
				t.Errorf("up: exit code %d\n%s", code, stderr)
				return
			}
			if err := json.Unmarshal([]byte(stdout), &answers[i]); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if answers[0].PID == 0 || answers[0].PID != answers[1].PID {
		t.Errorf("devstacks %d and %d run on one folder", answers[0].PID, answers[1].PID)
	}
}

func TestKill9LeavesNoChildAndLosesNothing(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	before := up(t, data, "--only", "s3,kafka")
	put(t, before.EnvFile)
	produce(t, before.EnvFile)
	if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	expectGone(t, before)
	after := up(t, data, "--only", "s3,kafka")
	expectObject(t, after.EnvFile)
	expectRecord(t, after.EnvFile)
}

func TestTakenPortIsToldBeforeAnythingStarts(t *testing.T) {
	held := up(t, filepath.Join(t.TempDir(), "data"), "--only", "s3")
	port := held.Services[0].URL[strings.LastIndex(held.Services[0].URL, ":")+1:]
	data := filepath.Join(t.TempDir(), "data")
	stdout, stderr, code := devstack(t, data, "up", "--only", "s3", "--s3-port", port)
	if said := stdout + stderr; code != failure || !strings.Contains(said, "port "+port+" is taken by") || !strings.Contains(said, "--s3-port") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if _, err := os.Stat(filepath.Join(data, "log", "s3.log")); err == nil {
		t.Error("S3 was started all the same")
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	answer := up(t, data, "--only", "s3")
	env, err := settings.ReadEnv(answer.EnvFile)
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, _ := devstack(t, data, "status")
	said := stdout + stderr + fmt.Sprint(answer)
	logs, err := filepath.Glob(filepath.Join(data, "log", "*"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("logs %v: %v", logs, err)
	}
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		said += string(text)
	}
	if strings.Contains(said, env["AWS_SECRET_ACCESS_KEY"]) {
		t.Error("the secret key is in the output or in a log")
	}
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", answer.Services[0].PID))
	if err == nil && bytes.Contains(arguments, []byte(env["AWS_SECRET_ACCESS_KEY"])) {
		t.Error("the secret key is in a command's arguments, which everybody on the machine can read")
	}
}

func TestMistakesOnTheCommandLineAreToldApart(t *testing.T) {
	data := t.TempDir()
	for _, args := range [][]string{
		{"dance"}, {"up", "--kafka", "redpanda"}, {"up", "--only", "s3,postgres"}, {"up", "now"}, {"stop"}, {"kill", "postgres"}, {"run", "--no-such-flag"},
	} {
		if _, stderr, code := devstack(t, data, args...); code != usage || !strings.HasPrefix(lastLine(stderr), "devstack: ") {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
	if stdout, _, code := devstack(t, data, "help"); code != success || !strings.Contains(stdout, "kill SERVICE") {
		t.Errorf("help: exit code %d, %s", code, stdout)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// expectGone fails unless every process of the stack ends.
func expectGone(t *testing.T, answer control.Answer) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for _, service := range answer.Services {
		for alive(service.PID) {
			select {
			case <-tick.C:
			case <-limit:
				t.Fatalf("%s, process %d, is left", service.Name, service.PID)
			}
		}
	}
}

// alive tells whether a process runs. A zombie does not: it waits to be collected by its parent, and holds nothing.
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); err != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) // where there is no /proc, the signal has told
	}
	_, state, _ := bytes.Cut(stat, []byte(") "))
	return !bytes.HasPrefix(state, []byte("Z"))
}
