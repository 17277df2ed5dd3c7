package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/stream"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

// seekOptions are the flags of seek.
type seekOptions struct {
	to         string
	partitions []int32
	offsets    []int64
	snapshot   string
	reason     string
	yes        bool
}

func (a *app) seekCommand() *cobra.Command {
	var o seekOptions
	c := &cobra.Command{
		Use:   "seek PIPELINE (--to WHERE | --partition P --offset N ... | --snapshot S) --reason R",
		Short: "Move a running stream back or on, after saying what that does",
		Long: `Moves the committed offsets of a running stream. Moved back, records are scored again and
their predictions appear a second time; moved on, records are never scored. So it says first
what will happen to each partition, asks, and wants a reason for the history. It is also
the answer to a committed offset that the broker no longer has.

WHERE is earliest, latest or a time. --partition and --offset may be given several times, in
pairs; partitions that are not named stay where they are. S is what "starter snapshot"
printed, or a file made with its --json.`,
		Example: `  starter seek creditcard --to 2026-11-01T08:00:00Z --reason "version 3 scored Sunday wrongly"
  starter seek creditcard --partition 0 --offset 3400 --reason "53 records are lost; accepted by Ann"
  starter seek creditcard --snapshot before.json --reason "undo" --yes`,
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return a.seek(c.Context(), args[0], o)
		},
	}
	c.Flags().StringVar(&o.to, "to", "", "`WHERE`: earliest, latest or a time such as 2026-11-01T08:00:00Z, for every partition")
	c.Flags().Int32SliceVar(&o.partitions, "partition", nil, "a partition `P` to move; with --offset, may be repeated")
	c.Flags().Int64SliceVar(&o.offsets, "offset", nil, "the next offset `N` to be read of the partition")
	for _, name := range []string{"partition", "offset"} {
		c.Flags().Lookup(name).DefValue = "" // help would print an empty list
	}
	c.Flags().StringVar(&o.snapshot, "snapshot", "", "where a snapshot `S` stood: its name, or a file")
	c.Flags().StringVar(&o.reason, "reason", "", "`WHY`, for the record in the history (required)")
	c.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	return c
}

func (o seekOptions) check() error {
	ways := 0
	for _, given := range []bool{o.to != "", len(o.partitions)+len(o.offsets) > 0, o.snapshot != ""} {
		if given {
			ways++
		}
	}
	const places = "Give --to earliest|latest|TIME, or --partition P --offset N, or --snapshot S."
	switch {
	case ways == 0:
		return misuse(places, "say where to go to")
	case ways > 1:
		return misuse(places, "give one place to go to, not %d", ways)
	}
	if len(o.partitions) != len(o.offsets) {
		return misuse("Give them in pairs: --partition 0 --offset 3400 --partition 1 --offset 3300.", "%d partitions and %d offsets are given", len(o.partitions), len(o.offsets))
	}
	if _, err := stream.ParseStart(o.to); err != nil {
		return misuse("For example: --to earliest, --to latest, --to 2026-11-01T08:00:00Z.", "%w", err)
	}
	if o.reason == "" {
		return misuse(`Say why, for the history: --reason "version 3 scored Sunday wrongly".`, "a seek needs a reason")
	}
	return nil
}

func (a *app) seek(ctx context.Context, name string, o seekOptions) error {
	cfg, d, err := a.about(name)
	if err != nil {
		return err
	}
	request, err := a.seekRequest(ctx, cfg, name, o)
	if err != nil {
		return err
	}
	jumps, err := a.jumps(ctx, cfg, d, request)
	if err != nil {
		return err
	}
	style := a.console.style()
	a.console.say("%s", seekScreen(style, d, jumps))
	if request.Snapshot != nil {
		request.Positions = nil // the workflow reads them from the object itself
	}
	if !o.yes {
		if err := a.confirm(ctx, fmt.Sprintf("Move %s?", name)); err != nil {
			return err
		}
	}
	return a.order(ctx, name, control.Order{Update: job.SeekUpdate, Request: request}, func(s screen.Style, r job.ControlReceipt) string {
		return fmt.Sprintf("\nMoved %s (generation %d):", s.Strong(name), r.Generation)
	})
}

// seekRequest is what the flags ask for. The positions of a snapshot are in it, too.
func (a *app) seekRequest(ctx context.Context, cfg config.Config, name string, o seekOptions) (job.SeekRequest, error) {
	r := job.SeekRequest{To: o.to, Reason: o.reason, By: a.who()}
	for i, p := range o.partitions {
		r.Positions = append(r.Positions, job.Position{Partition: p, Offset: o.offsets[i]})
	}
	if o.snapshot == "" {
		return r, nil
	}
	snapshot, object, err := a.findSnapshot(ctx, cfg, name, o.snapshot)
	r.Snapshot, r.Positions = object, snapshot.Positions
	return r, err
}

// jumps are the moves that a request means, as the partitions stand now.
func (a *app) jumps(ctx context.Context, cfg config.Config, d *pipeline.Definition, r job.SeekRequest) ([]jump, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	now, err := a.reach.kafka.group(ctx, kafkaOf(cfg), stream.GroupID(d.Name), d.Source.Topic)
	if err != nil {
		return nil, kafkaProblem(cfg, d.Name, err)
	}
	var since []int64
	if at, err := time.Parse(time.RFC3339, r.To); err == nil {
		if since, err = a.reach.kafka.since(ctx, kafkaOf(cfg), d.Source.Topic, at); err != nil {
			return nil, kafkaProblem(cfg, d.Name, err)
		}
	}
	return jumpsOf(d.Source.Topic, now, since, r)
}
