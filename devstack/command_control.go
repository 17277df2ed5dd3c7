package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"text/tabwriter"
	"time"

	"temporal-streaming/devstack/internal/control"
	"temporal-streaming/devstack/internal/settings"
	"temporal-streaming/devstack/internal/supervise"
)

// open parses the flags and enters the data folder of a devstack that ought to be running.
func open(command string, args []string, stderr io.Writer) (*options, error) {
	o, err := parse(command, args, false, stderr)
	if err != nil {
		return nil, err
	}
	if err := o.enter(false); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w (%s does not exist)", control.ErrNotRunning, o.Data)
	} else if err != nil {
		return nil, err
	}
	return o, nil
}

func commandStatus(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := open("status", args, stderr)
	if err != nil {
		return err
	}
	if err := o.none(); err != nil {
		return err
	}
	answer, err := control.Ask(ctx, control.Request{Verb: "status"})
	if err != nil {
		return err
	}
	show(answer, o.json, stdout)
	for _, service := range answer.Services {
		if service.State != supervise.Ready {
			return fmt.Errorf("%s is not ready: see %s", service.Name, service.Log)
		}
	}
	return nil
}

// commandDown stops the stack and returns when nothing of it is left.
func commandDown(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := open("down", args, stderr)
	if err != nil {
		return err
	}
	if err := o.none(); err != nil {
		return err
	}
	if _, err := control.Ask(ctx, control.Request{Verb: "down"}); err != nil {
		return err
	}
	began := time.Now()
	err = poll(ctx, func() (bool, error) {
		running, err := control.Running()
		return !running, err
	})
	if err == nil {
		fmt.Fprintf(stdout, "stopped in %.1f s; the data stays in %s\n", time.Since(began).Seconds(), o.Data)
	}
	return err
}

// commandService stops, starts or kills one service. After start and kill it waits until the service can be used.
func commandService(ctx context.Context, verb string, args []string, stdout, stderr io.Writer) error {
	o, err := open(verb, args, stderr)
	if err != nil {
		return err
	}
	if len(o.rest) != 1 || !settings.IsService(o.rest[0]) {
		return usageError(fmt.Sprintf("%s: name one service of %v (of several brokers kafka-1, kafka-2 ...)", verb, settings.Names()))
	}
	name := o.rest[0]
	answer, err := control.Ask(ctx, control.Request{Verb: verb, Service: name, Now: o.now})
	if err != nil {
		return err
	}
	if verb != "stop" {
		err = poll(ctx, func() (bool, error) {
			answer, err = control.Ask(ctx, control.Request{Verb: "status"})
			return err == nil && find(answer, name).State == supervise.Ready, err
		})
	}
	if err != nil {
		return err
	}
	show(answer, o.json, stdout)
	return nil
}

func find(answer control.Answer, name string) supervise.Status {
	at := slices.IndexFunc(answer.Services, func(s supervise.Status) bool { return s.Name == name })
	if at < 0 {
		return supervise.Status{}
	}
	return answer.Services[at]
}

// poll asks again and again, for two minutes at most.
func poll(ctx context.Context, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the devstack: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// show prints the state of the stack as a table or as one line of JSON.
func show(answer control.Answer, asJSON bool, out io.Writer) {
	if asJSON {
		_ = json.NewEncoder(out).Encode(answer) // plain data always encodes; a closed stdout has nobody to tell
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVICE\tSTATE\tPROCESS\tRESTARTS\tADDRESS")
	for _, s := range answer.Services {
		process := "-"
		if s.PID != 0 {
			process = fmt.Sprint(s.PID)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s  %s\n", s.Name, s.State, process, s.Restarts, s.URL, s.Note)
	}
	table.Flush()
	fmt.Fprintf(out, "addresses and credentials: set -a; . %s; set +a\n", answer.EnvFile)
}
