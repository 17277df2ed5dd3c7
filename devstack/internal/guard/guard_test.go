package guard_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"temporal-streaming/devstack/internal/guard"
)

func TestMain(m *testing.M) {
	if err := guard.AdoptOrphans(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// family is a command with a child of its own, as a server with workers is; both hold its output open.
var family = guard.Command{Path: "/bin/sh", Args: []string{"-c", "sleep 1000 & echo running; sleep 1000"}}

// start runs a command with its output in a pipe, which ends when the last process that holds it does.
func start(t *testing.T, c guard.Command) (*guard.Child, *bufio.Reader) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Close() })
	c.Log = write
	child, err := guard.Start(c)
	write.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(child.Kill)
	if err := read.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return child, bufio.NewReader(read)
}

func expectLine(t *testing.T, output *bufio.Reader, want string) {
	t.Helper()
	if line, err := output.ReadString('\n'); strings.TrimSpace(line) != want {
		t.Fatalf("got %q, want %q: %v", line, want, err)
	}
}

// expectEnd fails unless every process that holds the output ends.
func expectEnd(t *testing.T, output io.Reader) {
	t.Helper()
	if rest, err := io.ReadAll(output); err != nil {
		t.Fatalf("a process is left: %v (it said %q)", err, rest)
	}
}

func TestKillEndsTheWholeGroup(t *testing.T) {
	child, output := start(t, family)
	expectLine(t, output, "running")
	child.Kill()
	expectEnd(t, output)
	if child.Err() == nil {
		t.Error("a killed child ended without an error")
	}
}

func TestStopLetsTheCommandEndItself(t *testing.T) {
	// The request reaches the shell's sleep too, and some shells remark on that on standard error.
	child, output := start(t, guard.Command{Path: "/bin/sh", Args: []string{"-c", `exec 2>/dev/null; trap 'echo asked; exit 7' TERM; echo running; while :; do sleep 0.01; done`}})
	expectLine(t, output, "running")
	child.Stop(20 * time.Second)
	expectLine(t, output, "asked")
	if err := child.Err(); err == nil || err.Error() != "exit status 7" {
		t.Errorf("ended with %v, want its own exit status 7", err)
	}
}

func TestStopKillsWhatDoesNotEnd(t *testing.T) {
	child, output := start(t, guard.Command{Path: "/bin/sh", Args: []string{"-c", `trap '' TERM; echo running; while :; do sleep 1; done`}})
	expectLine(t, output, "running")
	child.Stop(50 * time.Millisecond)
	expectEnd(t, output)
}

func TestGroupEndsWithItsLeader(t *testing.T) {
	child, output := start(t, guard.Command{Path: "/bin/sh", Args: []string{"-c", "sleep 1000 & exit 3"}})
	<-child.Done()
	expectEnd(t, output)
	if err := child.Err(); err == nil || err.Error() != "exit status 3" {
		t.Errorf("ended with %v, want exit status 3", err)
	}
}

func TestStopReachesAFrozenCommand(t *testing.T) {
	child, output := start(t, guard.Command{Path: "/bin/sh", Args: []string{"-c", `echo running; kill -STOP $$; echo thawed; exec sleep 1000`}})
	expectLine(t, output, "running")
	child.Stop(20 * time.Second)
	expectEnd(t, output)
}

func TestCommandThatIsNotThereIsAnError(t *testing.T) {
	child, output := start(t, guard.Command{Path: "/no/such/program"})
	if child.Err() == nil {
		t.Error("a missing program ended without an error")
	}
	if said, _ := io.ReadAll(output); !strings.Contains(string(said), "/no/such/program") {
		t.Errorf("the log says %q, want the program's name", said)
	}
}

// TestNoChildOutlivesAKilledParent kills a process that runs a family, with the one signal that it cannot handle.
func TestNoChildOutlivesAKilledParent(t *testing.T) {
	if os.Getenv("GUARD_TEST_PARENT") != "" {
		family.Log = os.Stdout
		child, err := guard.Start(family)
		if err != nil {
			t.Fatal(err)
		}
		<-child.Done()
		return
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	parent := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	parent.Env = append(os.Environ(), "GUARD_TEST_PARENT=1")
	parent.Stdout = write
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	if err := read.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	output := bufio.NewReader(read)
	expectLine(t, output, "running")
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	expectEnd(t, output)
	if err := parent.Wait(); err == nil {
		t.Error("the parent was to be killed, but ended well")
	}
}
