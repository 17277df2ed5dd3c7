package services

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"temporal-streaming/devstack/internal/guard"
	"temporal-streaming/devstack/internal/settings"
	"temporal-streaming/devstack/internal/supervise"
	"temporal-streaming/devstack/internal/tools"
)

// searchAttributes are what workflows of this project are found by; all are keywords.
var searchAttributes = []string{"Pipeline", "Stage", "ModelVersion", "DatasetDigest", "StreamState", "Decision"}

// temporalFlags let the server tell a worker at once that an activity was cancelled, not at its next heartbeat.
var temporalFlags = []string{
	"--dynamic-config-value", "frontend.WorkerCommandsEnabled=true",
	"--dynamic-config-value", "system.enableCancelActivityWorkerCommand=true",
}

// Temporal is the development server of Temporal's own release binary, with its state in an SQLite file.
func Temporal(s *settings.Settings, env settings.Env, python tools.Environment) supervise.Service {
	t := temporal{program: python.Bin("temporal"), address: env["TEMPORAL_ADDRESS"], ui: env["TEMPORAL_UI_URL"]}
	return supervise.Service{
		Name: settings.Temporal,
		URL:  t.ui,
		Note: "gRPC " + t.address,
		Log:  s.Log(settings.Temporal),
		Command: func() (guard.Command, error) {
			args := []string{
				"server", "start-dev", "--log-level", "warn", "--ip", s.Bind, "--ui-ip", s.Bind,
				"--port", strconv.Itoa(s.TemporalPort), "--ui-port", strconv.Itoa(s.UIPort),
				"--db-filename", filepath.Join(s.Data, "temporal.db"),
			}
			for _, name := range searchAttributes { // counts for a new database only; see registerSearchAttributes
				args = append(args, "--search-attribute", name+"=Keyword")
			}
			return guard.Command{Path: t.program, Args: append(args, temporalFlags...), Env: os.Environ(), Dir: s.Data}, nil
		},
		Ready:       t.ready,
		StartWithin: 90 * time.Second,
	}
}

type temporal struct{ program, address, ui string }

// ready describes the namespace through the Web UI, which asks the frontend, and registers what is missing.
func (t temporal) ready(ctx context.Context) error {
	if _, err := get(ctx, t.ui+"/api/v1/namespaces/default"); err != nil {
		return err
	}
	known, err := t.knownSearchAttributes(ctx)
	if err != nil {
		return err
	}
	var missing []string
	for _, name := range searchAttributes {
		if !known[name] {
			missing = append(missing, "--name", name, "--type", "Keyword")
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return t.registerSearchAttributes(ctx, missing)
}

func (t temporal) knownSearchAttributes(ctx context.Context) (map[string]bool, error) {
	body, err := get(ctx, t.ui+"/api/v1/namespaces/default/search-attributes")
	if err != nil {
		return nil, err
	}
	var answer struct {
		CustomAttributes map[string]string `json:"customAttributes"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("list search attributes: %w", err)
	}
	known := map[string]bool{}
	for name := range answer.CustomAttributes {
		known[name] = true
	}
	return known, nil
}

// registerSearchAttributes adds search attributes to a database that was made without them.
func (t temporal) registerSearchAttributes(ctx context.Context, flags []string) error {
	args := append([]string{"operator", "search-attribute", "create", "--address", t.address, "--namespace", "default"}, flags...)
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, t.program, args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("register search attributes: %w: %s", err, strings.TrimSpace(output.String()))
	}
	return nil
}
