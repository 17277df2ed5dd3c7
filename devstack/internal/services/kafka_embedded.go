package services

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"

	"temporal-streaming/devstack/internal/guard"
	"temporal-streaming/devstack/internal/settings"
	"temporal-streaming/devstack/internal/supervise"
)

// EmbeddedKafka is a broker in this binary, for trying things out: ready in a moment, with transactions, but it does not
// fence a dead producer's open transaction as Apache Kafka does, and at a start it reads everything it holds.
func EmbeddedKafka(s *settings.Settings, env settings.Env) supervise.Service {
	return supervise.Service{
		Name: settings.Kafka,
		URL:  env["KAFKA_BOOTSTRAP_SERVERS"],
		Note: "embedded broker",
		Log:  s.Log(settings.Kafka),
		Command: func() (guard.Command, error) {
			return self(s, settings.Kafka, []string{
				"DEVSTACK_KAFKA_BIND=" + s.Bind,
				"DEVSTACK_KAFKA_PORT=" + strconv.Itoa(s.KafkaPort),
				"DEVSTACK_KAFKA_DIR=" + filepath.Join(s.Data, "kafka-embedded"),
			})
		},
		Ready: func(ctx context.Context) error { return kafkaReady(ctx, env["KAFKA_BOOTSTRAP_SERVERS"], 1, anyBroker) },
	}
}

// ServeKafka is the embedded broker's process: it serves until SIGTERM.
func ServeKafka(ctx context.Context) error {
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer cancel()
	port, err := strconv.Atoi(os.Getenv("DEVSTACK_KAFKA_PORT"))
	if err != nil {
		return fmt.Errorf("serve kafka: port: %w", err)
	}
	bind := os.Getenv("DEVSTACK_KAFKA_BIND")
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(port),
		kfake.ClusterID("devstack"),
		kfake.DefaultNumPartitions(partitions),
		kfake.DataDir(os.Getenv("DEVSTACK_KAFKA_DIR")),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return net.Listen(network, net.JoinHostPort(bind, port))
		}),
		kfake.WithLogger(kfake.BasicLogger(os.Stdout, kfake.LogLevelWarn)),
	)
	if err != nil {
		return fmt.Errorf("serve kafka: %w", err)
	}
	<-ctx.Done()
	cluster.Close()
	return nil
}
