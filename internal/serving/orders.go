package serving

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/registry"
	"temporal-streaming/internal/stream"
)

// Orders are those of a plan for one of its shards, with an engine that scores with the
// plan's model.
func (s *Server) Orders(ctx context.Context, plan job.StreamPlan, shard job.Shard) (stream.Orders, error) {
	fail := func(err error) (stream.Orders, error) {
		return stream.Orders{}, fmt.Errorf("prepare the orders of %s: %w", plan.Pipeline, err)
	}
	d, err := s.Pipeline(plan.Pipeline)
	if err != nil {
		return fail(err)
	}
	bundle, engine, err := s.engine(ctx, d, plan, shard)
	if err != nil {
		return fail(err)
	}
	share := float64(len(shard.Partitions)) / float64(max(1, len(plan.Partitions())))
	if shard.Stage > 0 {
		share = 0 // what has passed the first stage is not held back
	}
	orders := stream.Orders{
		Generation: plan.Orders.Generation, Paused: plan.Orders.Paused && shard.Stage == 0, PerSecond: plan.Orders.PerSecond * share,
		Processor: engine, Model: bundle.Name, ModelVersion: bundle.Version,
	}
	if k := plan.Orders.Seek; k != nil {
		orders.Seek = &stream.Seek{ID: k.ID, Positions: positions(k.Positions)}
	}
	return orders, nil
}

func positions(of []job.Position) []stream.Position {
	var out []stream.Position
	for _, p := range of {
		out = append(out, stream.Position{Partition: p.Partition, Next: p.Offset})
	}
	return out
}

// FindModel finds a version by number or alias, and makes sure that it can be opened: a
// model that cannot is refused before any loop hears of it.
func (s *Server) FindModel(ctx context.Context, pipeline, numberOrAlias string) (job.ModelRef, error) {
	found, err := s.Models.Find(ctx, pipeline, numberOrAlias)
	if err != nil {
		return job.ModelRef{}, err
	}
	ref := reference(found)
	return ref, s.OpenModel(ctx, ref)
}

// OpenModel makes sure that this process can score with a model, and has its files at hand.
func (s *Server) OpenModel(ctx context.Context, m job.ModelRef) error {
	bundle, err := s.Models.Open(ctx, pinned(m))
	if err != nil {
		return err
	}
	return try(bundle)
}

// FindPositions answers where a seek leads, as offsets that the broker has.
func (s *Server) FindPositions(ctx context.Context, plan job.StreamPlan, seek job.SeekRequest) ([]job.Position, error) {
	fail := func(err error) ([]job.Position, error) {
		return nil, fmt.Errorf("find where to seek in %s: %w", plan.Topic, err)
	}
	wanted := seek.Positions
	if seek.Snapshot != nil {
		snapshot, err := s.snapshot(ctx, *seek.Snapshot)
		if err != nil {
			return fail(err)
		}
		if snapshot.Topic != plan.Topic {
			return fail(fmt.Errorf("%w: the snapshot is of topic %s", ErrRequest, snapshot.Topic))
		}
		wanted = snapshot.Positions
	}
	log, err := stream.Group(ctx, s.Kafka, plan.Group, plan.Topic)
	if err != nil {
		return fail(err)
	}
	if seek.To != "" {
		if wanted, err = s.positionsAt(ctx, plan.Topic, seek.To, log); err != nil {
			return fail(err)
		}
	}
	if len(wanted) == 0 {
		return fail(fmt.Errorf("%w: neither a place nor an offset is named", ErrRequest))
	}
	for _, p := range wanted {
		if p.Partition < 0 || int(p.Partition) >= len(log) {
			return fail(fmt.Errorf("%w: partition %d does not exist; there are 0 to %d", ErrRequest, p.Partition, len(log)-1))
		}
		if in := log[p.Partition]; p.Offset < in.First || p.Offset > in.End {
			return fail(fmt.Errorf("%w: partition %d has offsets %d to %d, not %d", ErrRequest, p.Partition, in.First, in.End, p.Offset))
		}
	}
	return wanted, nil
}

func (s *Server) positionsAt(ctx context.Context, topic, to string, log []stream.GroupPosition) ([]job.Position, error) {
	all := make([]job.Position, len(log))
	for i, p := range log {
		all[i] = job.Position{Partition: p.Partition, Offset: p.First}
		if to == "latest" {
			all[i].Offset = p.End
		}
	}
	if to == "earliest" || to == "latest" {
		return all, nil
	}
	at, err := time.Parse(time.RFC3339, to)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is no place: give earliest, latest or a time such as 2026-11-01T08:00:00Z", ErrRequest, to)
	}
	first, err := stream.Since(ctx, s.Kafka, topic, at)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Offset = first[i]
	}
	return all, nil
}

// KeepSnapshot writes a snapshot to the object store.
func (s *Server) KeepSnapshot(ctx context.Context, snapshot job.Snapshot) (job.Object, error) {
	fail := func(err error) (job.Object, error) {
		return job.Object{}, fmt.Errorf("keep a snapshot of %s: %w", snapshot.Pipeline, err)
	}
	snapshot.Format = job.SnapshotFormat
	data, err := json.MarshalIndent(snapshot, "", "  ")
	if err != nil {
		return fail(err)
	}
	ref, err := s.Store.Put(ctx, "streams/"+snapshot.Pipeline+"/snapshots", "snapshot.json", data)
	if err != nil {
		return fail(err)
	}
	return job.Object(ref), nil
}

func (s *Server) snapshot(ctx context.Context, object job.Object) (job.Snapshot, error) {
	var snapshot job.Snapshot
	data, err := s.Store.Get(ctx, artifact.Ref(object))
	if err != nil {
		return snapshot, err
	}
	return ReadSnapshot(data)
}

// ReadSnapshot reads what KeepSnapshot wrote, in this or an earlier version.
func ReadSnapshot(data []byte) (job.Snapshot, error) {
	var snapshot job.Snapshot
	if err := json.Unmarshal(data, &snapshot); err != nil {
		return snapshot, fmt.Errorf("%w: this is no snapshot: %w", ErrRequest, err)
	}
	if snapshot.Format < 1 || snapshot.Format > job.SnapshotFormat {
		return snapshot, fmt.Errorf("%w: the snapshot has format %d, this program reads 1 to %d", ErrRequest, snapshot.Format, job.SnapshotFormat)
	}
	return snapshot, nil
}

func reference(p registry.Pinned) job.ModelRef {
	return job.ModelRef{Name: p.Name, Version: p.Number, URL: p.URL, ONNX: p.ONNX, Definition: p.Definition, Spec: p.Spec}
}

func pinned(m job.ModelRef) registry.Pinned {
	return registry.Pinned{Name: m.Name, Number: m.Version, ONNX: m.ONNX, Definition: m.Definition, Spec: m.Spec}
}
