package main

import (
	"context"
	"fmt"
	"io"

	"temporal-streaming/devstack/internal/settings"
	"temporal-streaming/devstack/internal/tools"
)

// commandSetup installs the tools that run and up would install, and starts nothing: a test suite that runs many stacks
// at a time does it first, so that no test's time limit has to cover it.
func commandSetup(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse("setup", args, true, stderr)
	if err != nil {
		return err
	}
	if err := o.none(); err != nil {
		return err
	}
	if _, _, err := installTools(ctx, &o.Settings, stdout); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "the tools are installed in", o.Tools)
	return nil
}

// installTools provides what the chosen services need; what is there already costs nothing.
func installTools(ctx context.Context, s *settings.Settings, people io.Writer) (python tools.Environment, broker tools.Broker, err error) {
	progress := tools.Progress{Out: people}
	if s.Has(settings.Temporal) || s.Has(settings.MLflow) {
		if python, err = tools.Python(ctx, s.Tools, progress); err != nil {
			return python, broker, err
		}
	}
	if s.Has(settings.Kafka) && s.Kafka == "apache" {
		broker, err = tools.Kafka(ctx, s.Tools, progress)
	}
	return python, broker, err
}
