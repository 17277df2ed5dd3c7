package stack_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"temporal-streaming/test/stack"
)

// small is a stack that starts in a second: nothing of it needs Python or Java.
func small(t *testing.T) *stack.Stack {
	t.Helper()
	return stack.Start(t, stack.Options{Services: []string{stack.S3, stack.Kafka}})
}

func TestStackAnswersAtTheAddressesOfItsEnvironment(t *testing.T) {
	servers := small(t)
	for _, address := range []string{servers.Brokers(), strings.TrimPrefix(servers.Env["S3_ENDPOINT"], "http://")} {
		if err := reach(address); err != nil {
			t.Error(err)
		}
	}
	for _, key := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "S3_BUCKET"} {
		if servers.Env[key] == "" {
			t.Errorf("%s is not set", key)
		}
	}
	cmd := exec.Command("/bin/sh", "-c", `test "$KAFKA_BOOTSTRAP_SERVERS" = "$1"`, "sh", servers.Brokers())
	cmd.Env = servers.Environ()
	if err := cmd.Run(); err != nil {
		t.Errorf("a command with Environ() does not see the broker's address: %v", err)
	}
}

func TestKilledServiceComesBackAtItsAddress(t *testing.T) {
	servers := small(t)
	before := servers.PID(t, stack.Kafka)
	servers.Kill(t, stack.Kafka)
	if after := servers.PID(t, stack.Kafka); after == before {
		t.Errorf("process %d is the one that was killed", after)
	}
	if err := reach(servers.Brokers()); err != nil {
		t.Error(err)
	}
}

func TestStoppedServiceStaysDownUntilItIsStarted(t *testing.T) {
	servers := small(t)
	for _, stop := range []func(testing.TB, string){servers.Stop, servers.StopNow} {
		stop(t, stack.Kafka)
		if err := reach(servers.Brokers()); err == nil {
			t.Error("a stopped broker answers")
		}
		servers.StartService(t, stack.Kafka)
		if err := reach(servers.Brokers()); err != nil {
			t.Error(err)
		}
	}
}

func TestNothingIsLeftWhenTheTestProcessIsKilled(t *testing.T) {
	data := filepath.Join(t.TempDir(), "stack")
	if data := os.Getenv("STACK_TEST_DATA"); data != "" { // the process to be killed
		servers := stack.Start(t, stack.Options{Services: []string{stack.Kafka}, Data: data})
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		servers.Need(t)
	}
	small(t) // skips where there is no devstack
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "STACK_TEST_DATA="+data)
	output, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the test process was to be killed, but: %v\n%s", err, output)
	}
	awaitUnlocked(t, filepath.Join(data, "lock"))
}

// awaitUnlocked waits until the devstack that holds a lock file has ended; it ends last, after its services.
func awaitUnlocked(t *testing.T, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unlocked := make(chan error, 1)
	go func() { unlocked <- syscall.Flock(int(file.Fd()), syscall.LOCK_EX) }()
	select {
	case err := <-unlocked:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the devstack still runs 30 s after its test process was killed")
	}
}

func reach(address string) error {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}
