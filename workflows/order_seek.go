package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"temporal-streaming/activities"
	"temporal-streaming/internal/job"
)

// seek also mends a shard that does not run since its offset is lost: it starts with the
// new orders.
func (s *inference) seek(ctx workflow.Context, r job.SeekRequest) (job.ControlReceipt, error) {
	receipt := job.ControlReceipt{What: "seek", Reason: r.Reason, By: r.By}
	done, err := s.take(ctx)
	if err != nil {
		return receipt, err
	}
	defer done()
	if err := s.seekable(); err != nil {
		return receipt, err // a stream that was not known when the order was validated
	}
	var a *activities.Stream
	var positions []job.Position
	find := job.FindPositionsRequest{Plan: s.status.Plan, Seek: r}
	if err := s.look(ctx, "find where to seek", a.FindPositions, find, &positions); err != nil {
		return receipt, err
	}
	id := fmt.Sprintf("%s/%d", workflow.GetInfo(ctx).WorkflowExecution.RunID, s.status.Plan.Orders.Generation+1)
	return s.order(ctx, receipt, func(p *job.StreamPlan) { p.Orders.Seek = &job.Seek{ID: id, To: r.To, Positions: positions} })
}

func (s *inference) validateSeek(r job.SeekRequest) error {
	if r.Reason == "" {
		return invalid("a seek skips or repeats records: say why")
	}
	places := 0
	for _, named := range []bool{r.To != "", len(r.Positions) > 0, r.Snapshot != nil} {
		if named {
			places++
		}
	}
	if places != 1 {
		return invalid("name one place to seek to: a time, positions, or a snapshot")
	}
	if err := s.seekable(); err != nil {
		return err
	}
	return s.open()
}

// seekable refuses what would count records twice: a stage's state holds all before its offset.
func (s *inference) seekable() error {
	if len(s.status.Plan.Stages) > 0 {
		return invalid("a stream whose features have state cannot seek: its state is that of the records up to its offsets")
	}
	return nil
}

func (s *inference) snapshot(ctx workflow.Context, r job.SnapshotRequest) (job.ControlReceipt, error) {
	receipt := job.ControlReceipt{What: "snapshot", Reason: r.Reason, By: r.By}
	done, err := s.take(ctx)
	if err != nil {
		return receipt, err
	}
	defer done()
	var a *activities.Stream
	if receipt, err = s.settle(ctx, receipt, a.Stand); err != nil {
		return receipt, err
	}
	plan := s.status.Plan
	it := job.Snapshot{
		Pipeline: plan.Pipeline, Topic: plan.Topic, Group: plan.Group, Model: plan.Model, Orders: plan.Orders,
		Reason: r.Reason, By: r.By, At: receipt.At,
	}
	for _, sh := range receipt.Shards {
		for _, p := range sh.Partitions {
			it.Positions = append(it.Positions, job.Position{Stage: sh.Shard.Stage, Partition: p.Partition, Offset: p.Next})
		}
	}
	var object job.Object
	if err := s.look(ctx, "write the snapshot down", a.KeepSnapshot, job.KeepSnapshotRequest{Snapshot: it}, &object); err != nil {
		return receipt, err
	}
	receipt.Snapshot = &object
	s.status.Receipt = &receipt
	return receipt, nil
}

func (s *inference) validateSnapshot(job.SnapshotRequest) error { return s.open() }
