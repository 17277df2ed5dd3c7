package stream

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestTransactionsAreOfTheSecondVersionWhereTheBrokerHasIt looks at the epoch of whoever writes, which grows with every transaction then.
func TestTransactionsAreOfTheSecondVersionWhereTheBrokerHasIt(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]bool{"client": false, "second": true} {
		t.Run(name, func(t *testing.T) {
			o := topics(t, broker(t), 2)
			o.ClientCommits = !second
			o.MaxBatch, o.CommitInterval = 100, time.Millisecond
			const n = 4000
			preload(t, o.Kafka, o.Topic, 0, n)
			r := start(t, o, engine(t, o.Topic, nil))
			r.until(t, "all are scored", func(p Progress) bool { return p.Records == n })
			epoch, commits := int32(producerOf(t, o).ProducerEpoch), r.progress().Commits
			r.stop()
			if got := r.wait(t, 10*time.Second); got.err != nil {
				t.Fatal(got.err)
			}
			t.Logf("epoch %d after %d commits", epoch, commits)
			if grows := epoch >= int32(commits)/2 && epoch > 3; grows != second {
				t.Errorf("epoch %d after %d commits", epoch, commits)
			}
			wantOnce(t, o.Kafka, o.Output, n)
		})
	}
}

// TestBrokersMayGiveTheSecondVersionUp has a cluster agree on the first version while a loop writes by the second. (It is the
// cluster of all tests of several brokers, and so not run beside others.)
func TestBrokersMayGiveTheSecondVersionUp(t *testing.T) {
	_, k := several(t)
	o := topics(t, k, 2)
	sent := load(t, k, o.Topic, 0, 500)
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "it runs", scoredAtLeast(500))
	agree(t, k, 1)
	t.Cleanup(func() { agree(t, k, 2) })
	r.until(t, "it goes on", scoredAtLeast(r.progress().Records+1000))
	r.stop()
	if got := r.wait(t, 20*time.Second); got.err != nil {
		t.Fatal(got.err)
	}
	r = start(t, o, engine(t, o.Topic, nil)) // and begins by the first
	r.until(t, "it begins", scoredAtLeast(500))
	before, commits := producerOf(t, o), r.progress().Commits
	r.until(t, "it goes on by the first version", func(p Progress) bool { return p.Commits > commits+20 })
	if now := producerOf(t, o); now.ProducerID != before.ProducerID || now.ProducerEpoch != before.ProducerEpoch {
		t.Errorf("%d.%d became %d.%d: these transactions are of the second version", before.ProducerID, before.ProducerEpoch, now.ProducerID, now.ProducerEpoch)
	}
	exactly(t, r, o, sent())
}

// agree has a cluster agree on a version of its transactions.
func agree(t *testing.T, k Kafka, version int16) {
	t.Helper()
	client := connect(t, k)
	defer client.Close()
	req := kmsg.NewUpdateFeaturesRequest()
	it := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
	it.Feature, it.MaxVersionLevel, it.UpgradeType = "transaction.version", version, 1
	if version < 2 {
		it.UpgradeType = 2 // a safe downgrade
	}
	req.FeatureUpdates = append(req.FeatureUpdates, it)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // it may be a cleanup
	defer cancel()
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// connect answers a client for what the loop's own clients do not ask.
func connect(t *testing.T, k Kafka) *kgo.Client {
	t.Helper()
	reach, err := k.Reach("test")
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(reach.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// producerOf asks the coordinator for the producer that the loop's transactional id has.
func producerOf(t *testing.T, o Options) kmsg.DescribeTransactionsResponseTransactionState {
	t.Helper()
	req := kmsg.NewDescribeTransactionsRequest()
	req.TransactionalIDs = []string{TransactionalID(o.Pipeline, o.Stage, o.Topic, o.Partitions)}
	resp, err := req.RequestWith(t.Context(), connect(t, o.Kafka))
	if err != nil || len(resp.TransactionStates) != 1 || resp.TransactionStates[0].ErrorCode != 0 {
		t.Fatalf("%+v, %v", resp, err)
	}
	return resp.TransactionStates[0]
}

// TestEpochsMayBeUsedUp has a loop go on where its producer has none left: a producer has 32,767, and a busy loop needs one for each commit, all of them in some
// ten minutes. The broker gives it another producer then. Whoever was frozen in a transaction meanwhile knows neither, and emits nothing.
func TestEpochsMayBeUsedUp(t *testing.T) {
	t.Parallel()
	o := topics(t, broker(t), 2)
	const n = 20000
	preload(t, o.Kafka, o.Topic, 0, n)
	zombie := frozen(t, o)
	before := wear(t, o, 6)
	o.MaxBatch, o.CommitInterval = 50, time.Millisecond
	r := start(t, o, engine(t, o.Topic, nil))
	r.until(t, "all are scored", func(p Progress) bool { return p.Records == n })
	if now := producerOf(t, o); now.ProducerID == before {
		t.Errorf("the producer is the same after %d commits, at epoch %d", r.progress().Commits, now.ProducerEpoch)
	}
	wakesUpFenced(t, zombie)
	r.stop()
	if got := r.wait(t, 10*time.Second); got.err != nil || got.Aborts > 0 {
		t.Errorf("%d aborts, %v", got.Aborts, got.err)
	}
	wantOnce(t, o.Kafka, o.Output, n)
}

// wear claims the loop's transactional id, and ends transactions of nothing until the producer has some epochs left. It answers the producer.
func wear(t *testing.T, o Options, left int16) int64 {
	t.Helper()
	client, id := connect(t, o.Kafka), TransactionalID(o.Pipeline, o.Stage, o.Topic, o.Partitions)
	claim := kmsg.NewInitProducerIDRequest()
	claim.TransactionalID, claim.TransactionTimeoutMillis, claim.ProducerID, claim.ProducerEpoch = &id, 60000, -1, -1
	claimed, err := claim.RequestWith(t.Context(), client)
	for ; err == nil && claimed.ErrorCode == kerr.ConcurrentTransactions.Code; claimed, err = claim.RequestWith(t.Context(), client) {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil || claimed.ErrorCode != 0 {
		t.Fatal(err, kerr.ErrorForCode(claimed.ErrorCode))
	}
	begun := time.Now()
	for epoch := claimed.ProducerEpoch; epoch < math.MaxInt16-left; {
		end := kmsg.NewEndTxnRequest()
		end.TransactionalID, end.ProducerID, end.ProducerEpoch = id, claimed.ProducerID, epoch
		ended, err := end.RequestWith(t.Context(), client)
		if err != nil || ended.ErrorCode != 0 && ended.ErrorCode != kerr.ConcurrentTransactions.Code {
			t.Fatal(err, kerr.ErrorForCode(ended.ErrorCode))
		}
		if ended.ErrorCode == 0 {
			if ended.ProducerID != claimed.ProducerID || ended.ProducerEpoch != epoch+1 {
				t.Fatalf("epoch %d was followed by %+v", epoch, ended)
			}
			epoch++
		}
	}
	t.Logf("epochs took %v", time.Since(begun).Round(time.Second))
	return claimed.ProducerID
}
