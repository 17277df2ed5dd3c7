package stream

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Kafka says how brokers are reached. The zero value of all but Brokers means an
// unencrypted connection without credentials.
type Kafka struct {
	Brokers          string // host:port, comma separated
	SecurityProtocol string // PLAINTEXT (default), SSL, SASL_PLAINTEXT or SASL_SSL
	SASLMechanism    string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	Username         string
	Password         string
	CALocation       string // PEM file with the brokers' certificate authority; empty: the system's
}

// String names the brokers and how they are reached, and never the password.
func (k Kafka) String() string {
	s := k.Brokers
	if k.SecurityProtocol != "" && k.SecurityProtocol != "PLAINTEXT" {
		s += " (" + k.SecurityProtocol
		if k.SASLMechanism != "" {
			s += ", " + k.SASLMechanism
		}
		if k.Username != "" {
			s += ", user " + k.Username
		}
		s += ")"
	}
	return s
}

// GoString keeps the password out of %#v.
func (k Kafka) GoString() string { return "stream.Kafka{" + k.String() + "}" }

// Format keeps the password out of every verb, %+v and %d included.
func (k Kafka) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue keeps the password out of logs.
func (k Kafka) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalJSON refuses: connections are configuration and belong in no history or file.
func (k Kafka) MarshalJSON() ([]byte, error) {
	return nil, fmt.Errorf("encode kafka connection %s: connections are not encoded, since they hold secrets", k)
}

// Validate reports what is missing or contradictory, before anything is dialled.
func (k Kafka) Validate() error {
	switch {
	case k.Brokers == "":
		return fmt.Errorf("kafka connection: no brokers given; set KAFKA_BOOTSTRAP_SERVERS to host:port")
	case k.SASLMechanism != "" && (k.SecurityProtocol == "" || k.SecurityProtocol == "PLAINTEXT" || k.SecurityProtocol == "SSL"):
		return fmt.Errorf("kafka connection %s: mechanism %s needs security protocol SASL_SSL or SASL_PLAINTEXT", k, k.SASLMechanism)
	case k.SASLMechanism != "" && (k.Username == "" || k.Password == ""):
		return fmt.Errorf("kafka connection %s: mechanism %s needs a user name and a password", k, k.SASLMechanism)
	}
	return nil
}

// answerTimeout is how long a broker may take for an answer. It is longer than a cluster
// takes to notice that a broker has gone (9 s by default), for there is no successor before.
const answerTimeout = 10 * time.Second

// client is the part of the configuration that all clients share.
func (k Kafka) client(name string, more kafka.ConfigMap) *kafka.ConfigMap {
	c := kafka.ConfigMap{
		"bootstrap.servers": k.Brokers,
		"client.id":         name,
		// A restarted broker is found again within a quarter of a second; the default gives up to 10 s.
		"reconnect.backoff.ms":     50,
		"reconnect.backoff.max.ms": 250,
		// A broker whose machine has gone answers nothing, and no connection breaks. What is asked
		// of it is asked of its successor after this time; the default is a minute.
		"socket.timeout.ms": int(answerTimeout.Milliseconds()),
		// Brokers close idle connections, and the client opens them again: not worth a line in the log.
		"log.connection.close": false,
	}
	for key, value := range map[string]string{
		"security.protocol": k.SecurityProtocol,
		"sasl.mechanism":    k.SASLMechanism,
		"sasl.username":     k.Username,
		"sasl.password":     k.Password,
		"ssl.ca.location":   k.CALocation,
	} {
		if value != "" {
			c[key] = value
		}
	}
	for key, value := range more {
		c[key] = value
	}
	return &c
}
