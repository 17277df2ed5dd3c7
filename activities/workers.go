package activities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"

	"temporal-streaming/internal/job"
)

// OwnQueue is the task queue of one worker: what is sent there reaches that process.
func OwnQueue(identity string) string { return "worker/" + identity }

// pollEvery is a little more than how often an idle worker asks for work again. One that
// has not asked for longer is gone.
const pollEvery = 70 * time.Second

// workers are those that wait for work on the streams' queue.
func (s *Stream) workers(ctx context.Context) ([]job.Lease, error) {
	queue, err := activity.GetClient(ctx).DescribeTaskQueue(ctx, job.StreamQueue, enums.TASK_QUEUE_TYPE_ACTIVITY)
	if err != nil {
		return nil, fmt.Errorf("describe task queue %s: %w", job.StreamQueue, err)
	}
	var workers []job.Lease
	for _, p := range queue.GetPollers() {
		if strings.Contains(p.GetIdentity(), "/") && time.Since(p.GetLastAccessTime().AsTime()) < pollEvery {
			workers = append(workers, job.Lease{Queue: OwnQueue(p.GetIdentity()), Worker: p.GetIdentity()})
		}
	}
	return workers, nil
}
