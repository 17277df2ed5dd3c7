package stream

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"temporal-streaming/internal/stream/transact"

	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Reach is how brokers are reached without the client library.
func (k Kafka) Reach(name string) (transact.Reach, error) {
	r := transact.Reach{ClientID: name}
	for broker := range strings.SplitSeq(k.Brokers, ",") {
		r.Brokers = append(r.Brokers, strings.TrimSpace(broker))
	}
	protocol := strings.ToUpper(k.SecurityProtocol) // librdkafka takes either
	if strings.HasSuffix(protocol, "SSL") {
		r.TLS = &tls.Config{}
		if k.CALocation != "" {
			pem, err := os.ReadFile(k.CALocation)
			if err != nil {
				return r, fmt.Errorf("read the brokers' certificate authority (KAFKA_SSL_CA_LOCATION): %w", err)
			}
			if r.TLS.RootCAs = x509.NewCertPool(); !r.TLS.RootCAs.AppendCertsFromPEM(pem) {
				return r, fmt.Errorf("%s (KAFKA_SSL_CA_LOCATION) holds no certificate", k.CALocation)
			}
		}
	}
	if strings.HasPrefix(protocol, "SASL") {
		switch k.SASLMechanism {
		case "PLAIN":
			r.SASL = plain.Auth{User: k.Username, Pass: k.Password}.AsMechanism()
		case "SCRAM-SHA-256":
			r.SASL = scram.Auth{User: k.Username, Pass: k.Password}.AsSha256Mechanism()
		case "SCRAM-SHA-512":
			r.SASL = scram.Auth{User: k.Username, Pass: k.Password}.AsSha512Mechanism()
		default:
			return r, fmt.Errorf("SASL mechanism %q (KAFKA_SASL_MECHANISM) is none of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512", k.SASLMechanism)
		}
	}
	return r, nil
}
