package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/temporal"

	"temporal-streaming/internal/job"
	"temporal-streaming/internal/stream"
)

// Obey gives the orders of a plan to the shard's loop in this process, and answers since
// which offsets they are in force. Without a loop here, the next segment begins with them.
func (s *Stream) Obey(ctx context.Context, req job.ControlRequest) (job.ShardReceipt, error) {
	defer beat(ctx)()
	key := shardKey(req.Pipeline, req.Shard)
	orders, err := s.Serving.Orders(ctx, *req.Plan, req.Shard)
	if err != nil {
		return job.ShardReceipt{}, mapped(err)
	}
	// First written down: a process that dies once the loop has obeyed resumes under these.
	s.Journal.Change(key, *req.Plan)
	receipt, err := s.Host.Obey(ctx, key, orders)
	if err != nil {
		return job.ShardReceipt{}, absent(err)
	}
	return s.receipt(req.Shard, receipt), nil
}

// Stand has the shard's loop commit, and answers where it stands.
func (s *Stream) Stand(ctx context.Context, req job.ControlRequest) (job.ShardReceipt, error) {
	defer beat(ctx)()
	receipt, err := s.Host.Stand(ctx, shardKey(req.Pipeline, req.Shard))
	if err != nil {
		return job.ShardReceipt{}, absent(err)
	}
	return s.receipt(req.Shard, receipt), nil
}

// OpenModel makes sure that this worker can score with a model before it has to.
func (s *Stream) OpenModel(ctx context.Context, m job.ModelRef) error {
	defer beat(ctx)()
	return mapped(s.Serving.OpenModel(ctx, m))
}

// FindModel finds and opens a version by number or alias.
func (s *Stream) FindModel(ctx context.Context, req job.FindModelRequest) (job.ModelRef, error) {
	m, err := s.Serving.FindModel(ctx, req.Pipeline, req.Model)
	return m, mapped(err)
}

// FindPositions answers where a seek leads.
func (s *Stream) FindPositions(ctx context.Context, req job.FindPositionsRequest) ([]job.Position, error) {
	positions, err := s.Serving.FindPositions(ctx, req.Plan, req.Seek)
	return positions, mapped(err)
}

// Divide makes a division of the partitions the only one that can commit.
func (s *Stream) Divide(ctx context.Context, req job.DivideRequest) error {
	defer beat(ctx)()
	return mapped(s.Serving.Divide(ctx, req.Plan, req.Stood))
}

// KeepSnapshot writes a snapshot to the object store.
func (s *Stream) KeepSnapshot(ctx context.Context, req job.KeepSnapshotRequest) (job.Object, error) {
	object, err := s.Serving.KeepSnapshot(ctx, req.Snapshot)
	return object, mapped(err)
}

func (s *Stream) receipt(shard job.Shard, r stream.Receipt) job.ShardReceipt {
	out := job.ShardReceipt{Shard: shard, Worker: s.Worker, Generation: r.Generation, At: r.At}
	for _, p := range r.Partitions {
		out.Partitions = append(out.Partitions, job.PartitionReceipt{Partition: p.Partition, Offset: p.Since, Before: p.Before, Next: p.Next})
	}
	return out
}

// absent tells the workflow that there is no loop here to answer: it is asked for again
// where the shard is leased next.
func absent(err error) error {
	if errors.Is(err, stream.ErrNoLoop) {
		return temporal.NewNonRetryableApplicationError(err.Error(), job.ErrTypeAbsent, nil)
	}
	return mapped(err)
}
