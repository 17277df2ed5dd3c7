package stack

import (
	"context"
	"testing"
)

// The verbs of Servers, for tests: what fails ends the test.

// Kill sends SIGKILL to a service and returns when it has been started again and can be used.
func (s *Stack) Kill(t testing.TB, service string) {
	t.Helper()
	must(t, service, s.Servers.Kill)
}

// Stop asks a service to end and returns when it has; it stays down until StartService.
func (s *Stack) Stop(t testing.TB, service string) {
	t.Helper()
	must(t, service, s.Servers.Stop)
}

// StopNow ends a service by SIGKILL; it stays down until StartService.
func (s *Stack) StopNow(t testing.TB, service string) {
	t.Helper()
	must(t, service, s.Servers.StopNow)
}

// StartService starts a stopped service and returns when it can be used.
func (s *Stack) StartService(t testing.TB, service string) {
	t.Helper()
	must(t, service, s.Servers.StartService)
}

// Freeze stops a service's processes with SIGSTOP: connections stay open and nothing answers.
func (s *Stack) Freeze(t testing.TB, service string) {
	t.Helper()
	must(t, service, s.Servers.Freeze)
}

// Thaw lets a frozen service go on.
func (s *Stack) Thaw(t testing.TB, service string) {
	t.Helper()
	must(t, service, s.Servers.Thaw)
}

// PID is the process id of a running service, which is also its process group.
func (s *Stack) PID(t testing.TB, service string) int {
	t.Helper()
	pid, err := s.Servers.PID(context.Background(), service)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// must has a context of its own, since cleanups use the verbs after a test's context has ended.
func must(t testing.TB, service string, verb func(context.Context, string) error) {
	t.Helper()
	if err := verb(context.Background(), service); err != nil {
		t.Fatal(err)
	}
}
