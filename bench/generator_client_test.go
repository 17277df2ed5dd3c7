package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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
		{stream.Kafka{SecurityProtocol: "SASL_SSL", SASLMechanism: "GSSAPI"}, `"GSSAPI" is none of`},
		{stream.Kafka{SecurityProtocol: "SSL", CALocation: text}, "holds no certificate"},
		{stream.Kafka{SecurityProtocol: "SSL", CALocation: text + ".gone"}, "no such file"},
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
