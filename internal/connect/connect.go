// Package connect makes clients of the services that the settings name: in one place for the worker, the starter and the benchmarks,
// so that all of them reach the same ones in the same way. Nothing is dialled before it is used.
//
//	cfg, err := config.Load(os.Environ())
//	server, err := connect.Server(cfg, log)
package connect

import (
	"log/slog"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/config"
	"temporal-streaming/internal/registry"
	"temporal-streaming/internal/serving"
	"temporal-streaming/internal/stream"
	"temporal-streaming/internal/tracking"
	"temporal-streaming/pipelines"
)

// Kafka is the connection to the brokers.
func Kafka(k config.Kafka) stream.Kafka {
	return stream.Kafka{
		Brokers: k.Brokers, SecurityProtocol: k.SecurityProtocol, SASLMechanism: k.SASLMechanism,
		Username: k.Username, Password: k.Password.Reveal(), CALocation: k.CALocation,
	}
}

// Bucket is the object store. 0 attempts are as many as a worker makes, which outlives a restart of the service; a person who waits
// is better served by few.
func Bucket(s config.S3, attempts int) (*artifact.S3, error) {
	return artifact.NewS3(artifact.S3Config{
		Endpoint: s.Endpoint, Region: s.Region, Bucket: s.Bucket,
		AccessKey: s.AccessKey, SecretKey: s.SecretKey.Reveal(), Attempts: attempts,
	})
}

// MLflow is the server of the model registry. Attempts are as those of Bucket.
func MLflow(m config.MLflow, attempts int) (*tracking.Client, error) {
	return tracking.New(tracking.Config{
		URL: m.URI, UIURL: m.PublicUI, Username: m.Username, Password: m.Password.Reveal(), Token: m.Token.Reveal(), Attempts: attempts,
	})
}

// Server has what streams need. Its models are not kept on disk unless its Models are given a Cache.
func Server(cfg config.Config, log *slog.Logger) (*serving.Server, error) {
	store, err := Bucket(cfg.S3, 0)
	if err != nil {
		return nil, err
	}
	mlflow, err := MLflow(cfg.MLflow, 0)
	if err != nil {
		return nil, err
	}
	return &serving.Server{
		Kafka: Kafka(cfg.Kafka), Models: &registry.Registry{MLflow: mlflow, Logger: log}, Store: store, Pipeline: pipelines.Load,
		Logger: log, PublicCalls: cfg.Worker.PublicCalls, ClientCommits: cfg.Worker.ClientCommits,
	}, nil
}
