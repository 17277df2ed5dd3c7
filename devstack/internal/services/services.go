// Package services says, for each service of the stack, how it is started and what it means that it can be used.
//
//	temporal  Temporal's release binary, state in <data>/temporal.db
//	s3        versitygw on the folder <data>/s3
//	kafka     kfake on the folder <data>/kafka-embedded, or Apache Kafka on <data>/kafka-apache
//	mlflow    MLflow, store in <data>/mlflow.db, artifacts in the bucket mlflow of the S3 server
//
// versitygw and kfake are libraries in this binary; they run in a process of their own all the same (ServeS3 and
// ServeKafka are that process's main), so that one service's death, memory or working directory is not another's.
package services

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"

	"temporal-streaming/devstack/internal/guard"
	"temporal-streaming/devstack/internal/settings"
)

// self is this program, started again as one of the services in it.
func self(s *settings.Settings, service string, env []string) (guard.Command, error) {
	program, err := os.Executable()
	if err != nil {
		return guard.Command{}, fmt.Errorf("find own program: %w", err)
	}
	return guard.Command{Path: program, Args: []string{"serve", service}, Env: append(os.Environ(), env...), Dir: s.Data}, nil
}

// get fetches a page that must answer 200.
func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", url, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s", url, answer.Status)
	}
	return body, nil
}

// need checks that a program is there, for an error that names it instead of a shell's exit status 127.
func need(path string) error {
	if _, err := exec.LookPath(path); err != nil {
		return fmt.Errorf("program %s: %w", path, err)
	}
	return nil
}
