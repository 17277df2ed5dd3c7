package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"temporal-streaming/devstack/internal/settings"
)

// commandQuota limits what the clients of one client id, or all that have no limit of their own, may send to and fetch from
// each broker: a fault as an administrator of a shared cluster causes it.
func commandQuota(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := open("quota", args, stderr)
	if err != nil {
		return err
	}
	if len(o.rest) != 1 {
		return usageError("quota: name one client id, or - for every client that has no quota of its own")
	}
	env, err := settings.ReadEnv(o.EnvFile())
	if err != nil {
		return err
	}
	if env["KAFKA_BOOTSTRAP_SERVERS"] == "" {
		return errors.New("set quota: this devstack has no Kafka")
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(env["KAFKA_BOOTSTRAP_SERVERS"], ",")...))
	if err != nil {
		return fmt.Errorf("set quota: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	answers, err := kadm.NewClient(client).AlterClientQuotas(ctx, []kadm.AlterClientQuotaEntry{o.quota()})
	if err != nil {
		return fmt.Errorf("set quota: %w", err)
	}
	for _, answer := range answers {
		if answer.Err != nil {
			return fmt.Errorf("set quota of %s: %w: %s", o.rest[0], answer.Err, answer.ErrMessage)
		}
	}
	fmt.Fprintf(stdout, "quota of %s: %s\n", o.rest[0], o.quotaText())
	return nil
}

// quota is what is asked for; a limit of 0 takes the limit away.
func (o *options) quota() kadm.AlterClientQuotaEntry {
	who := kadm.ClientQuotaEntityComponent{Type: "client-id"}
	if o.rest[0] != "-" {
		who.Name = &o.rest[0]
	}
	entry := kadm.AlterClientQuotaEntry{Entity: kadm.ClientQuotaEntity{who}}
	for _, limit := range []struct {
		key   string
		bytes float64
	}{{"producer_byte_rate", o.produceBytes}, {"consumer_byte_rate", o.fetchBytes}} {
		entry.Ops = append(entry.Ops, kadm.AlterClientQuotaOp{Key: limit.key, Value: limit.bytes, Remove: limit.bytes == 0})
	}
	return entry
}

func (o *options) quotaText() string {
	text := func(bytes float64) string {
		if bytes == 0 {
			return "no limit"
		}
		return fmt.Sprintf("%.0f bytes a second", bytes)
	}
	return "send " + text(o.produceBytes) + ", fetch " + text(o.fetchBytes) + ", at each broker"
}
