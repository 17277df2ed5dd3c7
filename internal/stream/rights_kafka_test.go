package stream

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// TestRightThatIsTakenAwayIsToldAndWaitedFor takes each right that the loop needs while it runs, and gives it back.
func TestRightThatIsTakenAwayIsToldAndWaitedFor(t *testing.T) {
	t.Parallel()
	servers, k := several(t)
	o := topics(t, k, 2)
	plain := o.Kafka
	user := o.Pipeline
	password(t, plain, user, "secret")
	o.Kafka = Kafka{Brokers: servers.SASLBrokers(), SecurityProtocol: "SASL_PLAINTEXT", SASLMechanism: "SCRAM-SHA-256", Username: user, Password: "secret"}
	known(t, o)
	log := listen(&o)
	r := start(t, o, engine(t, o.Topic, nil))
	n := 0
	more := func() {
		t.Helper()
		preload(t, plain, o.Topic, n, n+100)
		n += 100
	}
	more()
	r.until(t, "it runs", scoredAtLeast(100))
	for _, right := range []kafka.ACLBinding{
		{Type: kafka.ResourceTopic, Name: o.Output, Operation: kafka.ACLOperationWrite},
		{Type: kafka.ResourceTopic, Name: o.Topic, Operation: kafka.ACLOperationRead},
		{Type: kafka.ResourceGroup, Name: o.Pipeline, Operation: kafka.ACLOperationRead},
		{Type: kafka.ResourceTransactionalID, Name: TransactionalID(o.Pipeline, o.Stage, o.Topic, o.Partitions), Operation: kafka.ACLOperationWrite},
	} {
		if right.Type == kafka.ResourceGroup {
			right.Name = r.loop.Group
		}
		what := right.Operation.String() + " on " + right.Type.String()
		before := r.progress()
		deny(t, plain, user, right)
		more()
		p := r.until(t, "it is refused "+what, func(p Progress) bool { return p.Faults[FaultRights] > before.Faults[FaultRights] })
		if !strings.Contains(p.LastError, "grant this user") {
			t.Errorf("without %s the last error is %q", what, p.LastError)
		}
		if p.Records >= int64(n) {
			t.Errorf("all records are scored without %s", what)
		}
		allow(t, plain, user, right)
		r.until(t, "it goes on with "+what, scoredAtLeast(int64(n)))
	}
	log.wantLine(t, FaultRights, "grant this user")
	o.Kafka = plain
	exactly(t, r, o, n)
}

// known waits until the brokers know a user that was just made.
func known(t *testing.T, o Options) {
	t.Helper()
	for ctx := within(t, 20*time.Second); ; {
		if _, err := Partitions(ctx, o.Kafka, o.Topic); err == nil {
			return
		} else if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// deny takes a right away from a user; with no list of rights at all, everybody may do everything.
func deny(t *testing.T, k Kafka, user string, right kafka.ACLBinding) {
	t.Helper()
	administer(t, k, func(ctx context.Context, a *kafka.AdminClient) error {
		_, err := a.CreateACLs(ctx, kafka.ACLBindings{denial(user, right)})
		return err
	})
}

// allow takes the denial back.
func allow(t *testing.T, k Kafka, user string, right kafka.ACLBinding) {
	t.Helper()
	administer(t, k, func(ctx context.Context, a *kafka.AdminClient) error {
		_, err := a.DeleteACLs(ctx, kafka.ACLBindingFilters{denial(user, right)})
		return err
	})
}

func denial(user string, right kafka.ACLBinding) kafka.ACLBinding {
	right.ResourcePatternType, right.Principal, right.Host, right.PermissionType = kafka.ResourcePatternTypeLiteral, "User:"+user, "*", kafka.ACLPermissionTypeDeny
	return right
}
