package workflows

import (
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"temporal-streaming/internal/job"
)

// Every timeout and retry of the project stands here, each with its reason.

// final lists the errors that no retry mends.
var final = []string{job.ErrTypeInvalid, job.ErrTypeNotFound, job.ErrTypeNoChampion, job.ErrTypeCorrupt}

// patiently retries for as long as it takes: a service that is down comes back, and
// a person who sees the attempts grow can cancel. The cap keeps the wait after a
// long outage short; the SDK's own cap would be 100 times the first interval.
func patiently() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{
		InitialInterval:        500 * time.Millisecond,
		BackoffCoefficient:     2,
		MaximumInterval:        20 * time.Second,
		NonRetryableErrorTypes: final,
	}
}

// step is for the short activities of training: they move megabytes, so ten minutes
// means that something hangs, and a worker that died is noticed by then at the latest
// (one that restarts releases what it held at once).
func step(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Minute,
		HeartbeatTimeout:    30 * time.Second,
		RetryPolicy:         patiently(),
		Summary:             summary,
	})
}

// fit allows a day, since a search over large data may take hours; the heartbeat,
// sent at least once an epoch and every few seconds within one, is what tells a dead
// worker from a slow one.
func fit(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 24 * time.Hour,
		HeartbeatTimeout:    30 * time.Second,
		RetryPolicy:         patiently(),
		Summary:             summary,
	})
}

// lookup is for questions to Kafka and MLflow before a stream starts.
func lookup(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		RetryPolicy:         patiently(),
		Summary:             summary,
	})
}

// dividing retires the owners of a division while the partitions are nobody's. Its failure
// may not get through to a server that is away: the missing heartbeats tell it, long before a minute.
func dividing(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		HeartbeatTimeout:    5 * time.Second,
		RetryPolicy:         patiently(),
		Summary:             summary,
	})
}

// answering is for what an order depends on. Two minutes cover a service that restarts; an
// order that would wait longer is refused, and whoever gave it decides.
func answering(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: 2 * time.Minute,
		StartToCloseTimeout:    time.Minute,
		RetryPolicy:            patiently(),
		Summary:                summary,
	})
}

// leasing waits for a worker without a limit: no worker means no lease, and the
// stream starts by itself when one comes. The answer itself takes no time, so an
// attempt that is not answered within seconds sits with a worker that has died.
func leasing(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 3 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    100 * time.Millisecond,
			BackoffCoefficient: 1.5,
			MaximumInterval:    5 * time.Second,
		},
		Summary: summary,
	})
}

// leasingFrom asks one worker. A live one answers within a tenth of a second; waiting much
// longer for a dead one would be a gap in the stream.
func leasingFrom(ctx workflow.Context, worker job.Lease, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              worker.Queue,
		ScheduleToStartTimeout: 400 * time.Millisecond,
		StartToCloseTimeout:    time.Second,
		RetryPolicy:            once(),
		Summary:                summary,
	})
}

// segment runs on the queue of one worker. That it is not picked up within seconds
// is how a dead worker shows; that heartbeats, two a second, stay away is how one shows that
// dies later. A worker that was only slow costs nothing: its loop runs on, and the next
// segment adopts it. It is tried once: after any end the workflow leases again, perhaps
// elsewhere. A cancelled segment drains, and its checkpoint is waited for.
func segment(ctx workflow.Context, lease job.Lease, lasts time.Duration, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              lease.Queue,
		ScheduleToStartTimeout: 2 * time.Second,
		StartToCloseTimeout:    lasts + drain,
		HeartbeatTimeout:       1500 * time.Millisecond,
		WaitForCancellation:    true,
		RetryPolicy:            once(),
		Summary:                summary,
	})
}

// asking is for questions to a running loop that are put again if nobody answers.
func asking(ctx workflow.Context, lease job.Lease, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              lease.Queue,
		ScheduleToStartTimeout: 2 * time.Second,
		StartToCloseTimeout:    drain,
		HeartbeatTimeout:       2500 * time.Millisecond,
		RetryPolicy:            once(),
		Summary:                summary,
	})
}

// control ends a running loop, or its segment. A worker that does not pick it up, or stops
// to heartbeat, is gone or frozen, and whoever asked goes on without it. A worker that died
// and starts again within the first timeout may resume its loops, and finds this waiting.
func control(ctx workflow.Context, lease job.Lease, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              lease.Queue,
		ScheduleToStartTimeout: 5 * time.Second,
		StartToCloseTimeout:    drain,
		HeartbeatTimeout:       5 * time.Second,
		RetryPolicy:            once(),
		Summary:                summary,
	})
}

// finishing reads a later stage's topic to its end when the stream stops. How long that takes
// depends on what is left; the worker's heartbeats say that it lives.
func finishing(ctx workflow.Context, lease job.Lease, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              lease.Queue,
		ScheduleToStartTimeout: 5 * time.Second,
		StartToCloseTimeout:    patience,
		HeartbeatTimeout:       5 * time.Second,
		RetryPolicy:            once(),
		Summary:                summary,
	})
}

// patience is how long a stop waits for later stages to read what earlier ones forwarded.
// Nothing is lost after it: the next stream of the pipeline reads the rest.
const patience = 10 * time.Minute

// healthy is how long a segment must have run for its end to count as a first failure.
const healthy = 5 * time.Second

// drain is the longest that finishing a batch and committing it may take; the
// clients' own timeouts are shorter.
const drain = 90 * time.Second

func once() *temporal.RetryPolicy { return &temporal.RetryPolicy{MaximumAttempts: 1} }

// backoff is the wait before the next lease after n segments in a row have failed:
// none after the first, so that one death costs one lease, then doubling to ten
// seconds, so that a shard that cannot run does not fill its history.
func backoff(n int) time.Duration {
	if n <= 1 {
		return 0
	}
	return min(100*time.Millisecond<<min(n-2, 10), 10*time.Second)
}

// scheduleToStart is the timeout by which a worker shows that it is not there.
const scheduleToStart = enums.TIMEOUT_TYPE_SCHEDULE_TO_START
