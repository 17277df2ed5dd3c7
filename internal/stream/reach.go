package stream

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Reach is how brokers are reached, for package kgo.
func (k Kafka) Reach(name string) ([]kgo.Opt, error) {
	var brokers []string
	for broker := range strings.SplitSeq(k.Brokers, ",") {
		brokers = append(brokers, strings.TrimSpace(broker))
	}
	options := []kgo.Opt{kgo.ClientID(name), kgo.SeedBrokers(brokers...)}
	protocol := strings.ToUpper(k.SecurityProtocol) // librdkafka takes either
	if strings.HasSuffix(protocol, "SSL") {
		trust := &tls.Config{}
		if k.CALocation != "" {
			pem, err := os.ReadFile(k.CALocation)
			if err != nil {
				return nil, err
			}
			if trust.RootCAs = x509.NewCertPool(); !trust.RootCAs.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("%s holds no certificate", k.CALocation)
			}
		}
		options = append(options, kgo.DialTLSConfig(trust))
	}
	if strings.HasPrefix(protocol, "SASL") {
		var m sasl.Mechanism
		switch k.SASLMechanism {
		case "PLAIN":
			m = plain.Auth{User: k.Username, Pass: k.Password}.AsMechanism()
		case "SCRAM-SHA-256":
			m = scram.Auth{User: k.Username, Pass: k.Password}.AsSha256Mechanism()
		case "SCRAM-SHA-512":
			m = scram.Auth{User: k.Username, Pass: k.Password}.AsSha512Mechanism()
		default:
			return nil, fmt.Errorf("SASL mechanism %q is none of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512", k.SASLMechanism)
		}
		options = append(options, kgo.SASL(m))
	}
	return options, nil
}
