package workflows

import (
	"math"

	"go.temporal.io/sdk/workflow"

	"temporal-streaming/internal/job"
)

func (s *inference) pause(ctx workflow.Context, r job.PauseRequest) (job.ControlReceipt, error) {
	return s.pausing(ctx, job.ControlReceipt{What: "pause", Reason: r.Reason, By: r.By}, true)
}

func (s *inference) resume(ctx workflow.Context, r job.PauseRequest) (job.ControlReceipt, error) {
	return s.pausing(ctx, job.ControlReceipt{What: "resume", Reason: r.Reason, By: r.By}, false)
}

func (s *inference) pausing(ctx workflow.Context, receipt job.ControlReceipt, paused bool) (job.ControlReceipt, error) {
	done, err := s.take(ctx)
	if err != nil {
		return receipt, err
	}
	defer done()
	return s.order(ctx, receipt, func(p *job.StreamPlan) { p.Orders.Paused = paused })
}

func (s *inference) validatePause(job.PauseRequest) error { return s.open() }

func (s *inference) rate(ctx workflow.Context, r job.RateRequest) (job.ControlReceipt, error) {
	receipt := job.ControlReceipt{What: "rate", Reason: r.Reason, By: r.By}
	done, err := s.take(ctx)
	if err != nil {
		return receipt, err
	}
	defer done()
	return s.order(ctx, receipt, func(p *job.StreamPlan) { p.Orders.PerSecond = r.PerSecond })
}

func (s *inference) validateRate(r job.RateRequest) error {
	if r.PerSecond < 0 || math.IsNaN(r.PerSecond) || math.IsInf(r.PerSecond, 0) {
		return invalid("a rate of %v records a second is none; 0 lifts the limit", r.PerSecond)
	}
	return s.open()
}
