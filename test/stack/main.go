package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Main runs a package's tests with one stack for all of them:
//
//	var servers *stack.Stack
//
//	func TestMain(m *testing.M) {
//		os.Exit(stack.Main(m, stack.Options{}, func(s *stack.Stack) { servers = s }))
//	}
//
//	func TestSomething(t *testing.T) {
//		servers.Need(t)
//
// Where the devstack binary is not built, use is not called, and Need skips the test (or fails it when CI=true).
func Main(m *testing.M, o Options, use func(*Stack)) int {
	if _, err := Program(); err != nil {
		return m.Run()
	}
	temporary, err := os.MkdirTemp("", "stack-*")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(temporary)
	if o.Data == "" {
		o.Data = filepath.Join(temporary, "stack")
	}
	servers, err := Open(context.Background(), o)
	if err != nil {
		return failed(err)
	}
	use(&Stack{servers})
	code := m.Run()
	if code != 0 {
		fmt.Fprintln(os.Stderr, servers.Logs())
	}
	if err := servers.Close(); err != nil {
		return failed(err)
	}
	return code
}

// Need ends the test when there is no stack.
func (s *Stack) Need(t testing.TB) {
	t.Helper()
	if s == nil {
		find(t) // says why
		t.Fatal("no stack: call stack.Main from TestMain and keep what it hands to use")
	}
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
