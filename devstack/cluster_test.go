package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"temporal-streaming/devstack/internal/supervise"
)

// TestClusterOutlivesOneOfItsBrokers kills a broker of three for good. What was written is still there and more can be
// written, and the broker that comes back catches up.
func TestClusterOutlivesOneOfItsBrokers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three brokers")
	}
	data := filepath.Join(t.TempDir(), "data")
	answer := up(t, data, "--tools", "../.devstack/tools", "--only", "kafka", "--kafka", "apache", "--brokers", "3", "--kafka-sasl",
		"--kafka-set", "log.retention.hours=7")
	var names []string
	for _, s := range answer.Services {
		names = append(names, s.Name)
	}
	if !slices.Equal(names, []string{"kafka-1", "kafka-2", "kafka-3"}) {
		t.Fatalf("the services are %v", names)
	}
	env := readEnv(t, answer.EnvFile)
	for _, key := range []string{"KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SASL_BOOTSTRAP_SERVERS"} {
		if addresses := strings.Split(env[key], ","); len(addresses) != 3 || slices.Contains(addresses, "127.0.0.1:0") {
			t.Errorf("%s is %s, want three addresses", key, env[key])
		}
	}
	if got := retention(t, answer.EnvFile); got != "7" {
		t.Errorf("log.retention.hours is %s, want 7 as it was set", got)
	}
	if _, stderr, code := devstack(t, data, "stop", "kafka-2", "--now"); code != success {
		t.Fatal(stderr)
	}
	produce(t, answer.EnvFile)
	expectRecord(t, answer.EnvFile)
	stdout, stderr, code := devstack(t, data, "start", "kafka-2", "--json")
	if code != success || decode(t, stdout).Services[1].State != supervise.Ready {
		t.Fatalf("start: exit code %d: %s%s", code, stdout, stderr)
	}
	topic := metadata(t, answer.EnvFile)
	for _, p := range topic.Partitions {
		if len(p.Replicas) != 3 || !slices.Contains(p.ISR, 2) {
			t.Errorf("partition %d: replicas %v, in sync %v; want three, and 2 among them", p.Partition, p.Replicas, p.ISR)
		}
	}
}

func TestQuotaIsSetAndLifted(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache Kafka")
	}
	data := filepath.Join(t.TempDir(), "data")
	answer := up(t, data, "--tools", "../.devstack/tools", "--only", "kafka", "--kafka", "apache")
	admin := kadm.NewClient(kafkaClient(t, answer.EnvFile))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, want := range []float64{1000, 0} {
		if _, stderr, code := devstack(t, data, "quota", "somebody", "--produce", fmt.Sprint(want)); code != success {
			t.Fatal(stderr)
		}
		// The broker hears of it a moment after the controller.
		for got := -1.; got != want; {
			if got = quotaOf(ctx, t, admin, "somebody"); ctx.Err() != nil {
				t.Fatalf("after --produce %v the quota is %v", want, got)
			}
		}
	}
	if _, _, code := devstack(t, data, "quota"); code != usage {
		t.Errorf("quota of nobody: exit code %d, want %d", code, usage)
	}
}

// quotaOf is how much a client may send, 0 if there is no limit.
func quotaOf(ctx context.Context, t *testing.T, admin *kadm.Client, name string) (limit float64) {
	t.Helper()
	set, err := admin.DescribeClientQuotas(ctx, true, []kadm.DescribeClientQuotaComponent{{Type: "client-id", MatchName: &name}})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range set {
		for _, v := range q.Values {
			limit += v.Value
		}
	}
	return limit
}

func metadata(t *testing.T, envFile string) kadm.TopicDetail {
	t.Helper()
	topics, err := kadm.NewClient(kafkaClient(t, envFile)).ListTopics(t.Context(), "hello-fraud")
	if err != nil {
		t.Fatal(err)
	}
	return topics["hello-fraud"]
}

func retention(t *testing.T, envFile string) string {
	t.Helper()
	brokers, err := kadm.NewClient(kafkaClient(t, envFile)).DescribeBrokerConfigs(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range brokers[0].Configs {
		if c.Key == "log.retention.hours" {
			return c.MaybeValue()
		}
	}
	return ""
}
