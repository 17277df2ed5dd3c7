package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Kill sends SIGKILL to a service and returns when it has been started again and can be used.
func (s *Stack) Kill(t testing.TB, service string) {
	t.Helper()
	s.must(t, "kill", service)
}

// Stop asks a service to end and returns when it has; it stays down until StartService.
func (s *Stack) Stop(t testing.TB, service string) {
	t.Helper()
	s.must(t, "stop", service)
}

// StopNow ends a service by SIGKILL; it stays down until StartService.
func (s *Stack) StopNow(t testing.TB, service string) {
	t.Helper()
	s.must(t, "stop", service, "--now")
}

// StartService starts a stopped service and returns when it can be used.
func (s *Stack) StartService(t testing.TB, service string) {
	t.Helper()
	s.must(t, "start", service)
}

// Freeze stops a service's processes with SIGSTOP: connections stay open and nothing answers.
func (s *Stack) Freeze(t testing.TB, service string) {
	t.Helper()
	s.signal(t, service, syscall.SIGSTOP)
}

// Thaw lets a frozen service go on.
func (s *Stack) Thaw(t testing.TB, service string) {
	t.Helper()
	s.signal(t, service, syscall.SIGCONT)
}

func (s *Stack) signal(t testing.TB, service string, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-s.PID(t, service), signal); err != nil { // the whole process group
		t.Fatalf("signal %v to %s: %v", signal, service, err)
	}
}

// PID is the process id of a running service, which is also its process group.
func (s *Stack) PID(t testing.TB, service string) int {
	t.Helper()
	output, err := s.devstack(context.Background(), "status", "--json")
	var status struct {
		Services []struct {
			Name string
			PID  int
		}
	}
	// status fails when a service is down, and still prints its answer.
	if jsonErr := json.Unmarshal(output, &status); jsonErr != nil {
		t.Fatalf("process of %s: %v: %v", service, jsonErr, err)
	}
	for _, found := range status.Services {
		if found.Name == service && found.PID > 0 {
			return found.PID
		}
	}
	t.Fatalf("process of %s: it does not run", service)
	return 0
}

func (s *Stack) must(t testing.TB, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if _, err := s.devstack(ctx, args...); err != nil {
		t.Fatalf("devstack %s: %v", strings.Join(args, " "), err)
	}
}

// devstack runs a command on this stack and returns what it printed.
func (s *Stack) devstack(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.process.program, append(args, "--data", s.Data)...)
	var errors strings.Builder
	cmd.Stderr = &errors
	output, err := cmd.Output()
	if err != nil {
		return output, fmt.Errorf("%w: %s", err, strings.TrimSpace(errors.String()))
	}
	return output, nil
}

// logs is the end of each service's log, for a test that failed: the data folder goes with the test.
func (s *Stack) logs() string {
	const most = 2000
	var text strings.Builder
	paths, err := filepath.Glob(filepath.Join(s.Data, "log", "*.log"))
	if err != nil {
		return err.Error()
	}
	fmt.Fprintf(&text, "devstack said:\n%s\n", s.process.said)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			content = []byte(err.Error())
		}
		fmt.Fprintf(&text, "%s, its end:\n%s\n", filepath.Base(path), content[max(0, len(content)-most):])
	}
	return text.String()
}
