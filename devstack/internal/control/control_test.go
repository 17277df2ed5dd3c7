package control_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"temporal-streaming/devstack/internal/control"
)

func TestOneDevstackHoldsADataFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	if running, err := control.Running(); running || err != nil {
		t.Fatalf("a new folder is held: %v", err)
	}
	held, err := control.Claim()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := control.Claim(); !errors.Is(err, control.ErrRunning) {
		t.Errorf("claimed twice: %v", err)
	}
	if running, err := control.Running(); !running || err != nil {
		t.Errorf("a held folder seems free: %v", err)
	}
	held.Close()
	if running, err := control.Running(); running || err != nil {
		t.Errorf("a given-up folder seems held: %v", err)
	}
}

func TestRequestIsAnsweredOverTheSocket(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got control.Request
	err := control.Serve(ctx, func(_ context.Context, r control.Request) control.Answer {
		got = r
		return control.Answer{PID: 42, Ready: true}
	})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := control.Ask(ctx, control.Request{Verb: "stop", Service: "kafka", Now: true})
	if err != nil || answer.PID != 42 || !answer.Ready {
		t.Errorf("answer %+v: %v", answer, err)
	}
	if got.Verb != "stop" || got.Service != "kafka" || !got.Now {
		t.Errorf("the other side got %+v", got)
	}
}

func TestErrorOfTheOtherSideIsTheAskersError(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := control.Serve(t.Context(), func(context.Context, control.Request) control.Answer {
		return control.Answer{Error: "no such service"}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Ask(t.Context(), control.Request{Verb: "kill"}); err == nil || err.Error() != "no such service" {
		t.Errorf("got %v", err)
	}
}

func TestNobodyAnswersWithoutADevstack(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := control.Ask(t.Context(), control.Request{Verb: "status"}); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("got %v, want %v", err, control.ErrNotRunning)
	}
}

func TestSocketOfAKilledDevstackIsInNobodysWay(t *testing.T) {
	t.Chdir(t.TempDir())
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: "control"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false) // as kill -9 leaves it
	dead.Close()
	if _, err := control.Ask(t.Context(), control.Request{Verb: "status"}); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("got %v, want %v", err, control.ErrNotRunning)
	}
	if err := control.Serve(t.Context(), func(context.Context, control.Request) control.Answer { return control.Answer{PID: 7} }); err != nil {
		t.Fatal(err)
	}
	if answer, err := control.Ask(t.Context(), control.Request{Verb: "status"}); err != nil || answer.PID != 7 {
		t.Errorf("answer %+v: %v", answer, err)
	}
}
