package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"temporal-streaming/devstack/internal/control"
	"temporal-streaming/devstack/internal/guard"
	"temporal-streaming/devstack/internal/services"
	"temporal-streaming/devstack/internal/settings"
	"temporal-streaming/devstack/internal/supervise"
)

// commandRun runs the stack until it is told to end. With --json the lines for people go to stderr.
func commandRun(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse("run", args, true, stderr)
	if err != nil {
		return err
	}
	if err := o.none(); err != nil {
		return err
	}
	if err := o.enter(true); err != nil {
		return err
	}
	lock, err := control.Claim()
	if err != nil {
		return fmt.Errorf("%w (%s): use it, or end it with devstack down", err, o.Data)
	}
	defer lock.Close()
	people := stdout
	if o.json {
		people = stderr
	}
	return runStack(ctx, o, stdout, people)
}

func runStack(ctx context.Context, o *options, stdout, people io.Writer) error {
	began := time.Now()
	if err := guard.AdoptOrphans(); err != nil {
		return err
	}
	if err := o.ClaimPorts(); err != nil {
		return err
	}
	stack, err := assemble(ctx, o, people)
	if err != nil {
		return err
	}
	ctx, down := context.WithCancel(ctx)
	defer down()
	stack.down = down
	if o.untilEOF {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin) // an error ends the input as well
			down()
		}()
	}
	if err := control.Serve(ctx, stack.handle); err != nil {
		return err
	}
	go func() {
		select {
		case <-ctx.Done():
		case <-stack.set.Ready():
			fmt.Fprintf(people, "all services can be used after %.1f s\n", time.Since(began).Seconds())
			show(stack.answer(), o.json, stdout)
		}
	}()
	err = stack.set.Run(ctx)
	fmt.Fprintln(people, "everything is stopped; the data stays in", o.Data)
	return err
}

// stack is a running devstack as its control socket sees it.
type stack struct {
	options *options
	python  string
	set     *supervise.Set
	down    context.CancelFunc
}

// assemble installs the tools that are needed, writes the env file, and describes the services.
func assemble(ctx context.Context, o *options, people io.Writer) (*stack, error) {
	s := &o.Settings
	result := &stack{options: o}
	python, broker, err := installTools(ctx, s, people)
	if err != nil {
		return nil, err
	}
	if python.Dir != "" {
		result.python = python.Bin("python")
	}
	env, err := s.WriteEnv()
	if err != nil {
		return nil, err
	}
	var list []supervise.Service
	for _, name := range settings.Names() {
		switch {
		case !o.Has(name):
		case name == settings.Temporal:
			list = append(list, services.Temporal(s, env, python))
		case name == settings.S3:
			list = append(list, services.S3(s, env))
		case name == settings.Kafka && o.Kafka == "apache":
			list = append(list, services.ApacheKafka(s, broker)...)
		case name == settings.Kafka:
			list = append(list, services.EmbeddedKafka(s, env))
		case name == settings.MLflow:
			list = append(list, services.MLflow(s, env, python))
		}
	}
	result.set = supervise.New(list, people)
	return result, nil
}

// handle carries out a request that came in by the control socket.
func (s *stack) handle(ctx context.Context, r control.Request) control.Answer {
	var err error
	switch r.Verb {
	case "status":
	case "down":
		s.down()
	case "stop":
		err = s.set.Stop(ctx, r.Service, r.Now)
	case "start":
		err = s.set.Start(ctx, r.Service)
	case "kill":
		err = s.set.Kill(ctx, r.Service)
	default:
		err = errors.New("unknown request " + r.Verb)
	}
	answer := s.answer()
	if err != nil {
		answer.Error = err.Error()
	}
	return answer
}

func (s *stack) answer() control.Answer {
	answer := control.Answer{
		PID: os.Getpid(), Kafka: s.options.Kafka, EnvFile: s.options.EnvFile(), Python: s.python, Services: s.set.Status(),
	}
	select {
	case <-s.set.Ready():
		answer.Ready = true
	default:
	}
	return answer
}
