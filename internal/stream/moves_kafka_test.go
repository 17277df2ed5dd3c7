package stream

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// The tests of this file kill brokers of the cluster that others use, so they are not parallel.

func TestStreamGoesOnWhenTheLeaderOfItsInputDies(t *testing.T) {
	servers, k := several(t)
	o := topics(t, k, 2)
	sent := load(t, k, o.Topic, 0, 1500)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "it runs", scoredAtLeast(1000))
	dead := leader(t, k, o.Topic, 0)
	if err := servers.StopNow(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	began, before := time.Now(), r.progress()
	r.until(t, "it goes on without that broker", scoredAtLeast(before.Records+2000))
	t.Logf("%s, the leader of partition 0, is dead; 2000 records more after %s", dead, time.Since(began).Round(time.Millisecond))
	if now := leader(t, k, o.Topic, 0); now == dead {
		t.Errorf("%s leads still: no leader was changed", now)
	}
	if err := servers.StartService(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	elect(t, o) // and, in good order, back again
	exactly(t, r, o, sent())
}

// TestLookoutFindsNewLeaders asks where partitions stand by a client that does nothing else, as the loop's lookout does, before and after the
// leader of one has died, and after it leads again.
func TestLookoutFindsNewLeaders(t *testing.T) {
	servers, k := several(t)
	o := topics(t, k, 2)
	preload(t, k, o.Topic, 0, 100)
	admin, err := kafka.NewAdminClient(k.client("lookout", kafka.ConfigMap{"go.logs.channel.enable": true}))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	go discardLogs(admin.Logs())
	places := []ground{{o.Topic, 0}, {o.Topic, 1}, {o.Output, 0}, {o.Output, 1}}
	tell := func(what string, within time.Duration) {
		t.Helper()
		began := time.Now()
		found, err := look(t.Context(), admin, places)
		for err != nil && time.Since(began) < within {
			time.Sleep(100 * time.Millisecond)
			found, err = look(t.Context(), admin, places)
		}
		if err != nil || len(found) != len(places) {
			t.Fatalf("%s: %d of %d partitions, %v", what, len(found), len(places), err)
		}
		t.Logf("%s: seen after %s", what, time.Since(began).Round(time.Millisecond))
	}
	tell("at first", 10*time.Second)
	dead := leader(t, k, o.Output, 0)
	if err := servers.StopNow(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	tell("one leader is dead", 30*time.Second)
	if err := servers.StartService(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	elect(t, o)
	tell("it leads again", 30*time.Second)
}

// elect gives the partitions of a loop's topics back to the brokers that should lead them.
func elect(t *testing.T, o Options) {
	t.Helper()
	var parts []kafka.TopicPartition
	for _, p := range o.Partitions {
		parts = append(parts, kafka.TopicPartition{Topic: &o.Topic, Partition: p}, kafka.TopicPartition{Topic: &o.Output, Partition: p})
	}
	administer(t, o.Kafka, func(ctx context.Context, a *kafka.AdminClient) error {
		_, err := a.ElectLeaders(ctx, kafka.NewElectLeadersRequest(kafka.ElectionTypePreferred, parts))
		return err
	})
}

func TestStreamGoesOnWhenItsCoordinatorsDie(t *testing.T) {
	servers, k := several(t)
	o := topics(t, k, 2)
	sent := load(t, k, o.Topic, 0, 1500)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "it runs", scoredAtLeast(500))
	for what, find := range map[string]func() string{
		"transactions": func() string {
			return coordinator(t, k, "__transaction_state", TransactionalID(o.Pipeline, o.Stage, o.Topic, o.Partitions))
		},
		"the group": func() string { return coordinator(t, k, "__consumer_offsets", GroupID(o.Pipeline)) },
	} {
		dead := find()
		if err := servers.StopNow(t.Context(), dead); err != nil {
			t.Fatal(err)
		}
		began, before := time.Now(), r.progress()
		r.until(t, "it goes on without that broker", scoredAtLeast(before.Records+1000))
		t.Logf("%s, which coordinates %s, is dead; 1000 records more after %s", dead, what, time.Since(began).Round(time.Millisecond))
		if now := find(); now == dead {
			t.Errorf("%s coordinates still: no coordinator was moved", now)
		}
		if err := servers.StartService(t.Context(), dead); err != nil {
			t.Fatal(err)
		}
	}
	exactly(t, r, o, sent())
}

// TestStreamGoesOnWhenABrokerAnswersNoMore freezes the broker that coordinates the stream's
// transactions: its connections stay open, and nothing tells the client that there is nobody
// behind them. So it is when a machine is cut off or loses its power.
func TestStreamGoesOnWhenABrokerAnswersNoMore(t *testing.T) {
	servers, k := several(t)
	o := topics(t, k, 2)
	sent := load(t, k, o.Topic, 0, 1000)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "it runs", scoredAtLeast(1000))
	frozen := coordinator(t, k, "__transaction_state", TransactionalID(o.Pipeline, o.Stage, o.Topic, o.Partitions))
	if err := servers.Freeze(t.Context(), frozen); err != nil {
		t.Fatal(err)
	}
	began, before := time.Now(), r.progress()
	p := r.until(t, "it goes on without that broker", func(p Progress) bool {
		return p.Partitions[0].Next > before.Partitions[0].Next+1000 && p.Partitions[1].Next > before.Partitions[1].Next+1000
	})
	gap := time.Since(began)
	t.Logf("%s is frozen; 1000 records more of each partition after %s; faults %v", frozen, gap.Round(time.Millisecond), p.Faults)
	if err := servers.Thaw(t.Context(), frozen); err != nil {
		t.Fatal(err)
	}
	if gap > 30*time.Second {
		t.Errorf("it took %s to do without a frozen broker", gap)
	}
	exactly(t, r, o, sent())
}

// TestTooFewReplicasAreToldAndWaitedFor asks for as many copies of the results as there are brokers, and kills one.
func TestTooFewReplicasAreToldAndWaitedFor(t *testing.T) {
	servers, k := several(t)
	o := topics(t, k, 2)
	log := listen(&o)
	preload(t, k, o.Topic, 0, 1000)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "it runs", scoredAtLeast(1000))
	administer(t, k, func(ctx context.Context, a *kafka.AdminClient) error {
		_, err := a.IncrementalAlterConfigs(ctx, []kafka.ConfigResource{{
			Type: kafka.ResourceTopic, Name: o.Output,
			Config: []kafka.ConfigEntry{{Name: "min.insync.replicas", Value: "3", IncrementalOperation: kafka.AlterConfigOpTypeSet}},
		}})
		return err
	})
	dead := leader(t, k, o.Output, 0)
	if err := servers.StopNow(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	preload(t, k, o.Topic, 1000, 2000)
	began := time.Now()
	p := r.until(t, "it tells", func(p Progress) bool { return p.Faults[FaultReplicas] > 0 })
	t.Logf("%s is dead; told after %s; faults %v: %s", dead, time.Since(began).Round(time.Second), p.Faults, p.LastError)
	if p.Records > 1000 {
		t.Errorf("%d records are committed with too few copies", p.Records)
	}
	log.wantLine(t, FaultReplicas, "bring brokers back")
	r.until(t, "it tells where", func(p Progress) bool {
		return strings.Contains(p.LastError, "has 2 of 3 replicas in sync, and 3 must be")
	})
	if err := servers.StartService(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	exactly(t, r, o, 2000)
}
