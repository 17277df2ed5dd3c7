package stream

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestTransactionsAreOfTheSecondVersionWhereTheBrokerHasIt looks at the epoch of whoever writes, which grows with every transaction then.
func TestTransactionsAreOfTheSecondVersionWhereTheBrokerHasIt(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]bool{"first": false, "second": true} {
		t.Run(name, func(t *testing.T) {
			o := topics(t, broker(t), 2)
			o.TransactionsV2 = second
			o.MaxBatch, o.CommitInterval = 100, time.Millisecond
			const n = 4000
			preload(t, o.Kafka, o.Topic, 0, n)
			r := start(t, o, engine(t, o.Topic, nil))
			r.until(t, "all are scored", func(p Progress) bool { return p.Records == n })
			epoch, commits := epochOf(t, o), r.progress().Commits
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

// epochOf asks the coordinator for the epoch that the loop's transactional id has.
func epochOf(t *testing.T, o Options) int32 {
	t.Helper()
	reach, err := o.Kafka.Reach("test")
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(reach...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	req := kmsg.NewDescribeTransactionsRequest()
	req.TransactionalIDs = []string{TransactionalID(o.Pipeline, o.Stage, o.Topic, o.Partitions)}
	resp, err := req.RequestWith(t.Context(), client)
	if err != nil || len(resp.TransactionStates) != 1 || resp.TransactionStates[0].ErrorCode != 0 {
		t.Fatalf("%+v, %v", resp, err)
	}
	return int32(resp.TransactionStates[0].ProducerEpoch)
}
