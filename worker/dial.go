package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"

	"temporal-streaming/internal/config"
)

// dial connects to Temporal, and waits for it: a worker that starts before the server
// does, as after a power cut, must not need a person.
func dial(ctx context.Context, cfg config.Config, environ []string, identity string, log *slog.Logger) (client.Client, error) {
	vars, err := config.Environ(environ)
	if err != nil {
		return nil, err
	}
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: vars})
	if err != nil {
		return nil, fmt.Errorf("read Temporal's settings: %w", err)
	}
	if options.HostPort == "" {
		options.HostPort = cfg.Temporal.Address
	}
	options.Identity = identity
	options.Logger = sdklog.NewStructuredLogger(log)
	for pause := time.Second; ; pause = min(2*pause, 15*time.Second) {
		c, err := client.DialContext(ctx, options)
		if err == nil {
			return c, nil
		}
		log.Warn("Temporal cannot be reached; trying again", "address", options.HostPort, "in", pause, "error", err,
			"do", "start the local stack with `make up`, or set TEMPORAL_ADDRESS to your server")
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("asked to stop before Temporal answered at %s: %w", options.HostPort, err)
		case <-time.After(pause):
		}
	}
}
