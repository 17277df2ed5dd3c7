package services

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"temporal-streaming/devstack/internal/guard"
	"temporal-streaming/devstack/internal/settings"
	"temporal-streaming/devstack/internal/supervise"
	"temporal-streaming/devstack/internal/tools"
)

// MLflow is a real MLflow server: SQLite store, artifacts proxied into the S3 bucket mlflow.
func MLflow(s *settings.Settings, env settings.Env, python tools.Environment) supervise.Service {
	url := env["MLFLOW_TRACKING_URI"]
	return supervise.Service{
		Name: settings.MLflow,
		URL:  url,
		Log:  s.Log(settings.MLflow),
		Command: func() (guard.Command, error) {
			port := strconv.Itoa(s.MLflowPort)
			return guard.Command{
				Path: python.Bin("mlflow"),
				Args: []string{
					"server", "--backend-store-uri", "sqlite:///" + filepath.Join(s.Data, "mlflow.db"),
					"--artifacts-destination", "s3://mlflow", "--host", s.Bind, "--port", port, "--workers", "1",
					// Any other Host header is refused, which keeps web pages from reaching it by a forged name.
					"--allowed-hosts", strings.Join([]string{s.Host() + ":" + port, "127.0.0.1:" + port, "localhost:" + port}, ","),
				},
				Env: mlflowEnvironment(env, python),
				Dir: s.Data,
			}, nil
		},
		Ready: func(ctx context.Context) error { return mlflowReady(ctx, url) },
	}
}

func mlflowEnvironment(env settings.Env, python tools.Environment) []string {
	var inherited []string
	for _, variable := range os.Environ() {
		// The user's own MLFLOW_... is meant for clients, and would send the server elsewhere.
		if !strings.HasPrefix(variable, "MLFLOW_") && !strings.HasPrefix(variable, "AWS_") && !strings.HasPrefix(variable, "PYTHON") {
			inherited = append(inherited, variable)
		}
	}
	return append(inherited,
		"PATH="+filepath.Dir(python.Bin("mlflow"))+string(os.PathListSeparator)+os.Getenv("PATH"), // it starts uvicorn by name
		"PYTHONUNBUFFERED=1", "MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false",
		"MLFLOW_S3_ENDPOINT_URL="+env["S3_ENDPOINT"], "AWS_DEFAULT_REGION="+env["AWS_REGION"],
		"AWS_ACCESS_KEY_ID="+env["AWS_ACCESS_KEY_ID"], "AWS_SECRET_ACCESS_KEY="+env["AWS_SECRET_ACCESS_KEY"],
	)
}

// mlflowReady searches experiments: /health answers 200 even to a host that the API refuses, and before the store is up.
func mlflowReady(ctx context.Context, url string) error {
	body := strings.NewReader(`{"max_results": 1}`)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/2.0/mlflow/experiments/search", body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("search experiments: %s", answer.Status)
	}
	return nil
}
