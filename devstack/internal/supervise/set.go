package supervise

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Set is the services of one devstack.
type Set struct {
	units []*unit
	out   *printer
	ready chan struct{}
}

// New makes a set; lines for people go to out.
func New(services []Service, out io.Writer) *Set {
	set := &Set{out: &printer{to: out}, ready: make(chan struct{})}
	for _, service := range services {
		set.units = append(set.units, newUnit(service.withDefaults(), set.out))
	}
	return set
}

// Run starts every service and keeps it running until ctx ends or one is given up. Then all are stopped, at the same
// time, and Run returns when nothing is left of them.
func (s *Set) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	for _, u := range s.units {
		running.Go(func() {
			if err := u.run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	go s.announce(ctx)
	running.Wait()
	if err := context.Cause(ctx); err != nil && err != context.Canceled {
		return err
	}
	return nil
}

// Ready is closed when every service has been ready for the first time.
func (s *Set) Ready() <-chan struct{} { return s.ready }

// announce closes ready when the last service is, and meanwhile says every two seconds what is being waited for.
func (s *Set) announce(ctx context.Context) {
	began := time.Now()
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for _, u := range s.units {
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return
			case <-u.firstReady:
				waiting = false
			case <-tick.C:
				s.out.line("  waiting for %s (%d s)", s.unready(), int(time.Since(began).Seconds()))
			}
		}
	}
	close(s.ready)
}

func (s *Set) unready() string {
	var names string
	for _, status := range s.Status() {
		if status.State != Ready {
			if names != "" {
				names += ", "
			}
			names += status.Name
		}
	}
	return names
}

// Status is every service as it is now.
func (s *Set) Status() []Status {
	statuses := make([]Status, len(s.units))
	for i, u := range s.units {
		statuses[i] = u.status()
	}
	return statuses
}

// Stop ends a service and keeps it down until Start. With now it is killed, without it is asked to end.
func (s *Set) Stop(ctx context.Context, name string, now bool) error {
	if now {
		return s.ask(ctx, name, stopNow)
	}
	return s.ask(ctx, name, stop)
}

// Start starts a stopped service; it returns before the service is ready. Starting a running one changes nothing.
func (s *Set) Start(ctx context.Context, name string) error { return s.ask(ctx, name, start) }

// Kill sends SIGKILL to a service, which is then started again like any that dies, but is not counted against it.
func (s *Set) Kill(ctx context.Context, name string) error { return s.ask(ctx, name, kill) }

func (s *Set) ask(ctx context.Context, name string, v verb) error {
	at := slices.IndexFunc(s.units, func(u *unit) bool { return u.service.Name == name })
	if at < 0 {
		return fmt.Errorf("%s %s: this devstack has no such service", v, name)
	}
	r := request{verb: v, done: make(chan struct{})}
	select {
	case s.units[at].requests <- r:
	case <-ctx.Done():
		return fmt.Errorf("%s %s: %w", v, name, ctx.Err())
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s %s: %w", v, name, ctx.Err())
	}
}

// printer writes whole lines from several goroutines.
type printer struct {
	mu sync.Mutex
	to io.Writer
}

func (p *printer) line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.to, format+"\n", args...) // a broken terminal must not stop the services
}
