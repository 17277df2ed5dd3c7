package stream

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// TestCredentialsThatExpireAreToldAndWaitedFor changes the password at the broker while the
// loop runs, and later back, as when a rotation was done in the wrong order.
func TestCredentialsThatExpireAreToldAndWaitedFor(t *testing.T) {
	t.Parallel()
	servers, k := several(t)
	o := topics(t, k, 2)
	user := o.Pipeline
	password(t, k, user, "first")
	plain := o.Kafka
	o.Kafka = Kafka{Brokers: servers.SASLBrokers(), SecurityProtocol: "SASL_PLAINTEXT", SASLMechanism: "SCRAM-SHA-256", Username: user, Password: "first"}
	known(t, o)
	log := listen(&o)
	preload(t, plain, o.Topic, 0, 500)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "it runs", scoredAtLeast(500))

	password(t, plain, user, "second")
	p := r.until(t, "it is refused", func(p Progress) bool { return p.Faults[FaultAuth] > 0 })
	if !strings.Contains(p.LastError, "KAFKA_SASL_PASSWORD") {
		t.Errorf("last error is %q", p.LastError)
	}
	log.wantLine(t, FaultAuth, "KAFKA_SASL_PASSWORD")
	preload(t, plain, o.Topic, 500, 1000)
	if p := r.progress(); p.Records != 500 {
		t.Errorf("%d records are scored with a password that is wrong", p.Records)
	}

	password(t, plain, user, "first")
	r.until(t, "it goes on", scoredAtLeast(1000))
	o.Kafka = plain
	exactly(t, r, o, 1000)
	if strings.Contains(log.text.String(), "first") {
		t.Error("the password is in the log")
	}
}

// password makes a user, or changes its password.
func password(t *testing.T, k Kafka, user, text string) {
	t.Helper()
	ctx := within(t, 20*time.Second)
	err := withAdmin(ctx, k, func(a *kafka.AdminClient) error {
		result, err := a.AlterUserScramCredentials(ctx, []kafka.UserScramCredentialUpsertion{{
			User: user, Password: []byte(text),
			ScramCredentialInfo: kafka.ScramCredentialInfo{Mechanism: kafka.ScramMechanismSHA256, Iterations: 4096},
		}}, nil)
		for _, e := range result.Errors {
			if e.Code() != kafka.ErrNoError {
				err = errors.Join(err, e)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
