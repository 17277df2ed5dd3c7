package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"temporal-streaming/internal/tracking"
	"temporal-streaming/starter/internal/screen"
)

// knownModel refuses a model that MLflow does not have. Where MLflow cannot be asked, the
// stream finds out: its worker may reach what this machine does not.
func (a *app) knownModel(ctx context.Context, name, model string) error {
	cfg, _, err := a.about(name)
	if err != nil {
		return err
	}
	client, err := a.reach.mlflow(cfg.MLflow)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, min(a.timeout, 2*time.Second))
	defer cancel()
	if _, err := client.Version(ctx, name, model); errors.Is(err, tracking.ErrNotFound) {
		return fail(fmt.Errorf("%s has no version and no alias %q", name, screen.Safe(model)), "MLflow shows which there are: %s. Nothing was changed.", cfg.MLflow.URI)
	}
	return nil
}
