package stream

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// TransactionalID names the owner of input partitions to the broker. It depends on the
// pipeline, the stage, and the input partitions (topic and numbers, in any order), and
// on nothing else: not on host, process or attempt. So whoever takes the same
// partitions over fences whoever had them, and aborts what that one left open.
//
//	TransactionalID("creditcard", 0, "hello-fraud", []int32{3, 0, 1, 2, 7})
//	// temporal-streaming.creditcard.0.hello-fraud.0-3,7
//
// It does not protect owners of *different but overlapping* sets from each other. When
// the division of partitions changes, Fence the ids of the old division first.
func TransactionalID(pipeline string, stage int, topic string, partitions []int32) string {
	return fmt.Sprintf("temporal-streaming.%s.%d.%s.%s", pipeline, stage, topic, ranges(partitions))
}

// ranges writes partition numbers in ascending order, with runs as "first-last".
func ranges(partitions []int32) string {
	p := slices.Compact(slices.Sorted(slices.Values(partitions)))
	var b strings.Builder
	for i := 0; i < len(p); {
		j := i
		for j+1 < len(p) && p[j+1] == p[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(int(p[i])))
		if j > i {
			b.WriteString("-" + strconv.Itoa(int(p[j])))
		}
		i = j + 1
	}
	return b.String()
}

// OwnedBy answers the partitions in a transactional id of this pipeline, stage and topic, nil
// if it is none.
func OwnedBy(id, pipeline string, stage int, topic string) []int32 {
	text, ok := strings.CutPrefix(id, TransactionalID(pipeline, stage, topic, nil))
	if !ok {
		return nil
	}
	var partitions []int32
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.ParseInt(first, 10, 32)
		to, err2 := strconv.ParseInt(last, 10, 32)
		if err1 != nil || err2 != nil || from < 0 || to < from || to-from > mostPartitions {
			return nil
		}
		for p := from; p <= to; p++ {
			partitions = append(partitions, int32(p))
		}
	}
	return partitions
}

// mostPartitions is more than any topic has.
const mostPartitions = 1 << 20

// Fence ends the rights of transactional ids: transactions that their owners have open
// are aborted, and their next commit fails. Call it with the ids of the old division of
// partitions before anyone reads offsets under the new one; otherwise an old owner that
// is still alive, or frozen, could commit beside the new one, and nobody would notice.
//
// It returns when every id is fenced, or with the first id that could not be; calling it
// again is harmless.
func Fence(ctx context.Context, k Kafka, ids []string) error {
	for _, id := range ids {
		if err := fence(ctx, k, id); err != nil {
			return fmt.Errorf("fence %s: %w", id, err)
		}
	}
	return nil
}

func fence(ctx context.Context, k Kafka, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	p, _, err := claim(ctx, k.client("temporal-streaming-fence", kafka.ConfigMap{
		"transactional.id":                   id,
		"retry.backoff.ms":                   2,
		"go.events.channel.size":             100,
		"go.produce.channel.size":            1,
		"go.logs.channel.enable":             true,
		"go.delivery.reports":                false,
		"transaction.timeout.ms":             10000,
		"socket.connection.setup.timeout.ms": 5000,
	}), func(kafka.LogEvent) {})
	if err != nil {
		return err
	}
	go discardEvents(p.Events())
	p.Close()
	return nil
}
