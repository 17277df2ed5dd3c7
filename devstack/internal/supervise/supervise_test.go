package supervise_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"temporal-streaming/devstack/internal/guard"
	"temporal-streaming/devstack/internal/supervise"
)

func TestMain(m *testing.M) {
	if err := guard.AdoptOrphans(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// service is a shell script that counts as ready when it has made a file.
type service struct {
	supervise.Service
	file string
}

func script(t *testing.T, text string) service {
	t.Helper()
	dir := t.TempDir()
	s := service{file: filepath.Join(dir, "ready")}
	s.Service = supervise.Service{
		Name: "server",
		Log:  filepath.Join(dir, "log"),
		Command: func() (guard.Command, error) {
			if err := os.RemoveAll(s.file); err != nil {
				return guard.Command{}, err
			}
			return guard.Command{Path: "/bin/sh", Args: []string{"-c", text}, Env: append(os.Environ(), "READY="+s.file)}, nil
		},
		Ready: func(context.Context) error {
			_, err := os.Stat(s.file)
			return err
		},
		StartWithin: 20 * time.Second,
	}
	return s
}

const serves = `touch "$READY"; exec sleep 1000`

// running is a set in a goroutine.
type running struct {
	*supervise.Set
	end    func()
	result chan error
	said   *safeBuffer
}

func run(t *testing.T, services ...service) *running {
	t.Helper()
	var list []supervise.Service
	for _, s := range services {
		list = append(list, s.Service)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{end: cancel, result: make(chan error, 1), said: &safeBuffer{}}
	r.Set = supervise.New(list, r.said)
	go func() { r.result <- r.Run(ctx) }()
	return r
}

func (r *running) awaitReady(t *testing.T) {
	t.Helper()
	select {
	case <-r.Ready():
	case err := <-r.result:
		t.Fatalf("ended before it was ready: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("not ready after 30 s")
	}
}

func (r *running) awaitEnd(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.result:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("still running after 30 s")
		return nil
	}
}

// awaitStatus polls until the first service is as wanted.
func (r *running) awaitStatus(t *testing.T, what string, wanted func(supervise.Status) bool) supervise.Status {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for {
		if status := r.Status()[0]; wanted(status) {
			return status
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not %s after 30 s: %+v\n%s", what, r.Status()[0], r.said)
		}
	}
}

func TestServicesRunUntilTheContextEnds(t *testing.T) {
	r := run(t, script(t, serves), script(t, serves))
	r.awaitReady(t)
	pid := r.Status()[0].PID
	r.end()
	if err := r.awaitEnd(t); err != nil {
		t.Errorf("ended with %v, want nil", err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is left: %v", pid, err)
	}
}

func TestServiceThatDiesIsStartedAgain(t *testing.T) {
	r := run(t, script(t, serves))
	defer r.end()
	r.awaitReady(t)
	before := r.Status()[0].PID
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	after := r.awaitStatus(t, "ready again", func(s supervise.Status) bool { return s.State == supervise.Ready && s.PID != before })
	if after.Restarts != 1 {
		t.Errorf("restarts are %d, want 1", after.Restarts)
	}
	if !strings.Contains(r.said.String(), "ended by itself (signal: killed)") {
		t.Errorf("the death was not told: %q", r.said)
	}
}

func TestServiceThatIsNeverReadyEndsTheSetWithItsReason(t *testing.T) {
	broken := script(t, "echo disk is full; exit 9")
	r := run(t, script(t, serves), broken)
	defer r.end()
	err := r.awaitEnd(t)
	if err == nil {
		t.Fatal("ended without an error")
	}
	for _, want := range []string{"exit status 9", "disk is full", broken.Log} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not contain %q", err, want)
		}
	}
}

func TestServiceThatIsNotReadyInTimeEndsTheSet(t *testing.T) {
	slow := script(t, "exec sleep 1000")
	slow.StartWithin = 200 * time.Millisecond
	r := run(t, slow)
	defer r.end()
	if err := r.awaitEnd(t); err == nil || !strings.Contains(err.Error(), "not usable after 200ms") {
		t.Errorf("ended with %v", err)
	}
}

func TestServiceThatDiesAgainAndAgainIsGivenUp(t *testing.T) {
	r := run(t, script(t, `touch "$READY"; sleep 0.3; echo no luck; exit 5`))
	defer r.end()
	err := r.awaitEnd(t)
	if err == nil || !strings.Contains(err.Error(), "exit status 5") {
		t.Fatalf("ended with %v", err)
	}
}

func TestStoppedServiceStaysDownUntilStart(t *testing.T) {
	for _, now := range []bool{false, true} {
		r := run(t, script(t, serves))
		defer r.end()
		r.awaitReady(t)
		pid := r.Status()[0].PID
		if err := r.Stop(t.Context(), "server", now); err != nil {
			t.Fatal(err)
		}
		if status := r.Status()[0]; status.State != supervise.Stopped || status.PID != 0 {
			t.Errorf("after stop: %+v", status)
		}
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is left: %v", pid, err)
		}
		if err := r.Start(t.Context(), "server"); err != nil {
			t.Fatal(err)
		}
		r.awaitStatus(t, "ready again", func(s supervise.Status) bool { return s.State == supervise.Ready })
	}
}

func TestKillOnRequestIsNotCountedAgainstTheService(t *testing.T) {
	r := run(t, script(t, serves))
	defer r.end()
	r.awaitReady(t)
	for range 8 { // more than it may die by itself
		before := r.Status()[0].PID
		if err := r.Kill(t.Context(), "server"); err != nil {
			t.Fatal(err)
		}
		r.awaitStatus(t, "ready again", func(s supervise.Status) bool { return s.State == supervise.Ready && s.PID != before })
	}
}

func TestRequestForAnUnknownServiceIsAnError(t *testing.T) {
	r := run(t, script(t, serves))
	defer r.end()
	if err := r.Kill(t.Context(), "postgres"); err == nil {
		t.Error("killed a service that is not there")
	}
}

func TestRequestAfterTheEndDoesNotHang(t *testing.T) {
	r := run(t, script(t, serves))
	r.awaitReady(t)
	r.end()
	if err := r.awaitEnd(t); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Stop(ctx, "server", false); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the request to be cancelled", err)
	}
}

func TestWaitingIsShownToPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said safeBuffer
		set := supervise.New([]supervise.Service{{
			Name: "server", Log: filepath.Join(t.TempDir(), "log"),
			Command: func() (guard.Command, error) {
				time.Sleep(5 * time.Second) // the bubble's clock: no time passes
				return guard.Command{}, errors.New("no such program")
			},
		}}, &said)
		if err := set.Run(t.Context()); err == nil {
			t.Error("ended without an error")
		}
		if lines := strings.Count(said.String(), "waiting for server"); lines != 2 {
			t.Errorf("said %q in 5 s, want two lines", said.String())
		}
	})
}

type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
