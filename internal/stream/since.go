package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Since answers, for every partition of a topic, the first offset whose record has a
// timestamp of t or later; the end of the partition where no record is as young.
func Since(ctx context.Context, k Kafka, topic string, t time.Time) ([]int64, error) {
	var first []int64
	err := withAdmin(ctx, k, func(a *kafka.AdminClient) error {
		n, err := partitions(a, topic, millis(ctx))
		if err != nil {
			return err
		}
		if first, err = listOffsets(ctx, a, topic, n, kafka.NewOffsetSpecForTimestamp(t.UnixMilli())); err != nil {
			return err
		}
		end, err := listOffsets(ctx, a, topic, n, kafka.LatestOffsetSpec)
		for i := range first {
			if err == nil && first[i] < 0 {
				first[i] = end[i]
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find the records of %s since %s at %s: %w", topic, t.UTC().Format(time.RFC3339), k, err)
	}
	return first, nil
}

// listOffsets asks for all partitions in one request; -1 where there is no such record.
func listOffsets(ctx context.Context, a *kafka.AdminClient, topic string, n int, spec kafka.OffsetSpec, more ...kafka.ListOffsetsAdminOption) ([]int64, error) {
	asked := make(map[kafka.TopicPartition]kafka.OffsetSpec, n)
	for p := range n {
		asked[kafka.TopicPartition{Topic: &topic, Partition: int32(p)}] = spec
	}
	answer, err := a.ListOffsets(ctx, asked, append(more, kafka.SetAdminRequestTimeout(time.Duration(millis(ctx))*time.Millisecond))...)
	if err != nil {
		return nil, unreachable(err)
	}
	offsets := make([]int64, n)
	for at, info := range answer.ResultInfos {
		if info.Error.Code() != kafka.ErrNoError {
			return nil, unreachable(info.Error)
		}
		offsets[at.Partition] = int64(info.Offset)
	}
	return offsets, nil
}
