package supervise_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
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
