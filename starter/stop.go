package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/config"
	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

// stopAnswer is what --json prints.
type stopAnswer struct {
	Pipeline    string            `json:"pipeline"`
	WasRunning  bool              `json:"was_running"`
	Shards      []job.ShardStatus `json:"shards"`
	Partitions  []partitionState  `json:"partitions"` // where each stood, from the receipt or else from Kafka
	TemporalURL string            `json:"temporal_url"`
}

func (a *app) stopCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "stop PIPELINE",
		Short: "Drain the stream of a pipeline and end it",
		Long: `Ends the stream after every shard has committed the batch in hand, and prints where each
partition stood. What is in the topic stays there: the next "starter inference" goes on
at these offsets. Stopping a stream that does not run is no error.`,
		Example:           `  starter stop creditcard --reason "broker maintenance"`,
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			return a.stop(c.Context(), args[0], reason)
		},
	}
	reasonFlag(c, &reason)
	return c
}

func (a *app) stop(ctx context.Context, name, reason string) error {
	cfg, err := a.settings()
	if err != nil {
		return err
	}
	answer := stopAnswer{
		Pipeline: name, WasRunning: true, Shards: []job.ShardStatus{}, Partitions: []partitionState{},
		TemporalURL: cfg.WorkflowURL(job.InferenceWorkflowID(name), ""),
	}
	style := a.console.style()
	request := job.StopRequest{Reason: reason, By: a.who()}
	receipt, err := obey(ctx, a, name, func(ctx context.Context, t controlPlane) (job.StopReceipt, error) { return t.Stop(ctx, name, request) })
	switch {
	case errors.Is(err, control.ErrNotRunning):
		answer.WasRunning = false
		a.console.say("The stream %s does not run; there is nothing to stop.\n", name)
		return a.emitJSON(answer)
	case ctx.Err() != nil:
		return &problem{what: errors.New("interrupted; the stream may still be stopping"), next: "See: starter status " + name + ".", code: exitDetached}
	case err != nil:
		return a.temporalProblem(err)
	}
	if receipt.Shards != nil {
		answer.Shards = receipt.Shards
	}
	answer.Partitions = a.lastPositions(ctx, cfg, name, answer.Shards)
	a.console.say("Stopped %s. It stood here:\n%s\nGo on from there: starter inference %s\n", style.Strong(name), receiptTable(style, answer), name)
	return a.emitJSON(answer)
}

// lastPositions are those of the receipt. A shard whose last segment was lost, with
// Temporal or with its worker, has none there; then Kafka is asked, which knows.
func (a *app) lastPositions(ctx context.Context, cfg config.Config, name string, shards []job.ShardStatus) []partitionState {
	receipt := streamReport{Pipeline: name}
	complete := len(shards) > 0
	for _, sh := range shards {
		receipt.add(sh.Last, sh.Shard.Stage, sh.Shard.ID)
		complete = complete && len(sh.Last.Partitions) == len(sh.Shard.Partitions)
	}
	if !complete {
		kafka := streamReport{Pipeline: name}
		for _, sh := range shards {
			kafka.Shards = append(kafka.Shards, shardReport{ID: sh.Shard.ID, Stage: sh.Shard.Stage, Partitions: sh.Shard.Partitions})
		}
		if a.askKafka(ctx, cfg, &kafka); len(kafka.Partitions) > 0 {
			receipt = kafka
		}
	}
	sortPartitions(receipt.Partitions)
	return append([]partitionState{}, receipt.Partitions...) // never null in JSON
}

func receiptTable(s screen.Style, answer stopAnswer) string {
	if len(answer.Partitions) == 0 {
		return "  neither the receipt nor Kafka tells where; see: starter status " + answer.Pipeline + "\n"
	}
	workers := map[int]string{}
	for _, sh := range answer.Shards {
		workers[sh.Shard.ID] = sh.Lease.Worker
	}
	var rows [][]string
	for _, p := range answer.Partitions {
		rows = append(rows, []string{
			placeText(answer.Partitions, p), offsetText(p.Offset), screen.Lag(p.End), lagText(s, p.Lag), fmt.Sprint(p.Shard), workers[p.Shard],
		})
	}
	return s.Table([]screen.Column{
		{Name: "partition", Right: true}, {Name: "next offset", Right: true}, {Name: "end", Right: true}, {Name: "left", Right: true},
		{Name: "shard", Right: true}, {Name: "worker"},
	}, rows)
}
