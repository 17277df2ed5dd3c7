package main

import (
	"time"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"temporal-streaming/internal/job"
	"temporal-streaming/workflows"
)

// pollers are new workers for the task queues of this process.
func (p *process) pollers() (workers []worker.Worker) {
	t, s := p.training, p.streams
	// Fits take all cores they get, so one at a time; the details of a heartbeat go out
	// twice a second, so that people see progress, a cancelled attempt hears of it, and a
	// worker that died is missed soon.
	options := worker.Options{
		Identity: p.identity, WorkerStopTimeout: p.cfg.Worker.Drain, MaxHeartbeatThrottleInterval: 500 * time.Millisecond,
		StickyScheduleToStartTimeout: 500 * time.Millisecond,
	}
	train := options
	train.MaxConcurrentActivityExecutionSize = 1
	own := options
	own.DisableWorkflowWorker = true
	for _, w := range []struct {
		queue   string
		options worker.Options
	}{{job.TrainQueue, train}, {job.StreamQueue, options}, {s.Queue, own}} {
		it := worker.New(p.temporal, w.queue, w.options)
		switch w.queue {
		case job.TrainQueue:
			it.RegisterWorkflowWithOptions(workflows.Train, workflow.RegisterOptions{Name: job.TrainWorkflow})
			it.RegisterWorkflowWithOptions(workflows.Search, workflow.RegisterOptions{Name: job.SearchWorkflow})
			it.RegisterActivity(t)
		case job.StreamQueue:
			it.RegisterWorkflowWithOptions(workflows.Inference, workflow.RegisterOptions{Name: job.InferenceWorkflow})
			it.RegisterActivity(s)
		default:
			it.RegisterActivity(s)
		}
		workers = append(workers, it)
	}
	return workers
}
