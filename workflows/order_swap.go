package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// swap changes the model. Nothing changes before every worker that runs a shard has it at
// hand and can score with it, so the change itself takes no time and does not fail.
func (s *inference) swap(ctx workflow.Context, r job.SwapRequest) (job.ControlReceipt, error) {
	receipt := job.ControlReceipt{What: "swap", Reason: r.Reason, By: r.By}
	done, err := s.take(ctx)
	if err != nil {
		return receipt, err
	}
	defer done()
	var a *activities.Stream
	var model job.ModelRef
	if err := s.look(ctx, "find and open model "+r.Model, a.FindModel, job.FindModelRequest{Pipeline: s.req.Pipeline, Model: r.Model}, &model); err != nil {
		return receipt, err
	}
	var opening []workflow.Future
	for _, w := range s.hosts() {
		opening = append(opening, workflow.ExecuteActivity(asking(ctx, w, "open model "+model.Version+" on "+w.Worker), a.OpenModel, model))
	}
	for _, it := range opening {
		if err := it.Get(ctx, nil); err != nil && isFinal(err) {
			return receipt, err
		} // a worker that has gone opens it when it has a shard again
	}
	if err := s.open(); err != nil {
		return receipt, err
	}
	if now := s.status.Plan.Model; len(s.status.Plan.Stages) > 0 && model.Spec != now.Spec {
		return receipt, invalid("version %s takes other features than version %s, and the state of this stream holds what those need: stop the stream, and start it with the new model; its state is then built anew from the topics", model.Version, now.Version)
	}
	if receipt, err = s.order(ctx, receipt, func(p *job.StreamPlan) { p.Model = model }); err == nil {
		mark(ctx, modelVersion.ValueSet(model.Version))
	}
	return receipt, err
}

func (s *inference) validateSwap(r job.SwapRequest) error {
	if r.Model == "" {
		return invalid("no model is named: give a version or an alias")
	}
	return s.open()
}

// hosts are the workers that run shards.
func (s *inference) hosts() []job.Lease {
	var hosts []job.Lease
	for _, sh := range s.shards {
		if sh.Lease.Queue != "" && !slices.Contains(hosts, sh.Lease) {
			hosts = append(hosts, sh.Lease)
		}
	}
	return hosts
}
