package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"temporal-streaming/devstack/internal/guard"
)

type verb string

const (
	stop    verb = "stop"
	stopNow verb = "stop --now"
	start   verb = "start"
	kill    verb = "kill"
)

// request is carried out by the unit's own goroutine, which alone touches the child; done is closed afterwards.
type request struct {
	verb verb
	done chan struct{}
}

// unit is one service with the goroutine that runs it.
type unit struct {
	service    Service
	out        *printer
	requests   chan request
	firstReady chan struct{}

	mu       sync.Mutex
	state    State
	pid      int
	restarts int
}

func newUnit(service Service, out *printer) *unit {
	return &unit{service: service, out: out, requests: make(chan request), firstReady: make(chan struct{}), state: Starting}
}

func (u *unit) status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	return Status{Name: u.service.Name, URL: u.service.URL, Note: u.service.Note, State: u.state, PID: u.pid, Restarts: u.restarts, Log: u.service.Log}
}

func (u *unit) set(state State, pid int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state, u.pid = state, pid
}

// errStopped and errKilled are ends that somebody asked for.
var (
	errStopped = errors.New("stopped on request")
	errKilled  = errors.New("killed on request")
)

// run starts the service again and again until ctx ends (nil) or it dies too often (why).
func (u *unit) run(ctx context.Context) error {
	var d deaths
	for ctx.Err() == nil {
		began := time.Now()
		wasReady, err := u.once(ctx)
		if !errors.Is(err, errStopped) {
			u.set(Starting, 0)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errStopped):
			d = deaths{}
			if !u.awaitStart(ctx) {
				return nil
			}
			continue
		case errors.Is(err, errKilled):
			d = deaths{}
		}
		pause, giveUp := d.next(wasReady, time.Since(began), u.everReady())
		if giveUp {
			u.set(Failed, 0)
			return u.failure(err)
		}
		u.mu.Lock()
		u.restarts++
		u.mu.Unlock()
		u.out.line("%s: %v; starting it again in %v (log: %s)", u.service.Name, err, pause, u.service.Log)
		if !u.pause(ctx, pause) {
			return nil
		}
	}
	return nil
}

// once runs the child from start to end. It reports whether it was ready, and why it ended.
func (u *unit) once(ctx context.Context) (wasReady bool, end error) {
	child, err := u.launch()
	if err != nil {
		return false, err
	}
	u.set(Starting, child.PID())
	checking, cancel := context.WithTimeout(ctx, u.service.StartWithin)
	defer cancel()
	ready := u.check(checking)
	for {
		select {
		case <-child.Done():
			return wasReady, fmt.Errorf("ended by itself (%s)", exit(child.Err()))
		case err := <-ready:
			ready = nil
			if err == nil {
				wasReady = true
				u.announce(child.PID())
			} else if ctx.Err() == nil {
				child.Kill()
				return false, fmt.Errorf("not usable after %v: %w", u.service.StartWithin, err)
			}
		case r := <-u.requests:
			err := u.obey(r.verb, child)
			close(r.done)
			if err != nil {
				return wasReady, err
			}
		case <-ctx.Done():
			child.Stop(u.service.StopWithin)
			return wasReady, nil
		}
	}
}

// obey carries out a request on the running child; it returns nil when that goes on running.
func (u *unit) obey(v verb, child *guard.Child) error {
	switch v {
	case stop:
		child.Stop(u.service.StopWithin)
		u.set(Stopped, 0)
		return errStopped
	case stopNow:
		child.Kill()
		u.set(Stopped, 0)
		return errStopped
	case kill:
		child.Kill()
		u.set(Starting, 0)
		return errKilled
	default: // start: it runs already
		return nil
	}
}

// launch opens the log and starts the child.
func (u *unit) launch() (*guard.Child, error) {
	log, err := os.OpenFile(u.service.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	defer log.Close() // the child has its own copy
	command, err := u.service.Command()
	if err != nil {
		return nil, err
	}
	command.Log = log
	fmt.Fprintf(log, "--- %s started by devstack at %s\n", u.service.Name, time.Now().Format(time.RFC3339))
	return guard.Start(command)
}

// check uses the service until that works. The channel gets nil then, or the last reason when ctx has ended.
func (u *unit) check(ctx context.Context) <-chan error {
	result := make(chan error, 1)
	go func() {
		for {
			attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
			err := u.service.Ready(attempt)
			cancel()
			if err == nil {
				result <- nil
				return
			}
			select {
			case <-ctx.Done():
				result <- err
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return result
}

// announce notes that the service can be used, and says so.
func (u *unit) announce(pid int) {
	u.set(Ready, pid)
	u.out.line("%-9s ready  %s  %s", u.service.Name, u.service.URL, u.service.Note)
	if !u.everReady() {
		close(u.firstReady)
	}
}

func (u *unit) everReady() bool {
	select {
	case <-u.firstReady:
		return true
	default:
		return false
	}
}
