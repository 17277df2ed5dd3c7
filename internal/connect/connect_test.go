package connect

import (
	"log/slog"
	"reflect"
	"testing"

	"temporal-streaming/internal/config"
)

// A setting of the brokers that reached no client would be a connection without its password.
func TestEverySettingOfKafkaReachesTheClient(t *testing.T) {
	cfg, err := config.Load([]string{
		"TEMPORAL_STREAMING_ENV=/dev/null", "KAFKA_BOOTSTRAP_SERVERS=broker:9093", "KAFKA_SECURITY_PROTOCOL=SASL_SSL", "KAFKA_SASL_MECHANISM=PLAIN",
		"KAFKA_SASL_USERNAME=reader", "KAFKA_SASL_PASSWORD=word", "KAFKA_SSL_CA_LOCATION=/ca.pem",
	})
	if err != nil {
		t.Fatal(err)
	}
	k := reflect.ValueOf(Kafka(cfg.Kafka))
	for i := range k.NumField() {
		if k.Field(i).IsZero() {
			t.Errorf("%s is empty; %+v", k.Type().Field(i).Name, cfg.Kafka)
		}
	}
}

// Nothing is dialled: a program says what is wrong with its settings before it waits for servers.
func TestAServerIsMadeWithoutItsServices(t *testing.T) {
	cfg, err := config.Load([]string{
		"TEMPORAL_STREAMING_ENV=/dev/null", "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=secret", "S3_ENDPOINT=http://127.0.0.1:1", "S3_BUCKET=bucket",
		"MLFLOW_TRACKING_URI=http://127.0.0.1:1", "MLFLOW_UI_URL=https://mlflow.example.com", "WORKER_PUBLIC_CALLS=true", "WORKER_CLIENT_COMMITS=true",
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Server(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if !s.PublicCalls || !s.ClientCommits || s.Store == nil || s.Pipeline == nil || s.Kafka != Kafka(cfg.Kafka) {
		t.Errorf("%+v", s)
	}
	if url := s.Models.MLflow.Links().Version("creditcard", "7"); url != "https://mlflow.example.com/#/models/creditcard/versions/7" {
		t.Errorf("people find version 7 at %s", url)
	}
}
