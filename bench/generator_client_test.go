package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"temporal-streaming/internal/stream"
)

func TestTheGeneratorReachesBrokersAsTheStreamDoes(t *testing.T) {
	text := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(text, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		k    stream.Kafka
		want string // of the error; empty: none
	}{
		{stream.Kafka{}, ""},
		{stream.Kafka{SecurityProtocol: "PLAINTEXT"}, ""},
		{stream.Kafka{SecurityProtocol: "SSL"}, ""},
		{stream.Kafka{SecurityProtocol: "SASL_PLAINTEXT", SASLMechanism: "PLAIN"}, ""},
		{stream.Kafka{SecurityProtocol: "SASL_SSL", SASLMechanism: "SCRAM-SHA-512"}, ""},
		{stream.Kafka{SecurityProtocol: "sasl_ssl", SASLMechanism: "GSSAPI"}, `"GSSAPI" (KAFKA_SASL_MECHANISM) is none of`},
		{stream.Kafka{SecurityProtocol: "SASL_SSL", SASLMechanism: "GSSAPI"}, `"GSSAPI" (KAFKA_SASL_MECHANISM) is none of`},
		{stream.Kafka{SecurityProtocol: "SSL", CALocation: text}, "(KAFKA_SSL_CA_LOCATION) holds no certificate"},
		{stream.Kafka{SecurityProtocol: "SSL", CALocation: text + ".gone"}, "(KAFKA_SSL_CA_LOCATION): open "},
	} {
		c.k.Brokers, c.k.Username, c.k.Password = "127.0.0.1:1,127.0.0.1:2", "ann", "hunter2"
		b, err := newBatches(c.k, "in")
		if err == nil {
			b.client.Close()
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%v: %v, want %q", c.k, err, c.want)
		}
	}
}

// TestTicksOfTheGeneratorDoNotDrift: one that came late is followed by the next where that belongs.
func TestTicksOfTheGeneratorDoNotDrift(t *testing.T) {
	g := &generator{begin: time.Unix(1_800_000_000, 0)}
	if got := g.tick(g.begin); got != 0 {
		t.Errorf("without a linger it waits for %v", got)
	}
	g.linger = 4 * time.Millisecond
	for late, want := range map[time.Duration]time.Duration{0: 4 * time.Millisecond, 4900 * time.Microsecond: 3100 * time.Microsecond, 11 * time.Millisecond: time.Millisecond} {
		if got := g.tick(g.begin.Add(late)); got != want {
			t.Errorf("%v after the beginning it waits for %v, want %v", late, got, want)
		}
	}
}
