package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/screen"
)

func (a *app) scaleCommand() *cobra.Command {
	var (
		shards int
		reason string
	)
	c := &cobra.Command{
		Use:   "scale PIPELINE --shards N",
		Short: "Divide the partitions of a running stream among more or fewer loops",
		Long: `Divides the input's partitions anew. Shards whose partitions stay the same are not
stopped; the others finish their batch and give their partitions to new ones.
There can be as many shards as partitions. Nothing is lost or repeated.`,
		Example:           `  starter scale creditcard --shards 4 --reason "a second machine"`,
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if shards < 1 {
				return misuse("Give --shards 1 or more.", "say among how many shards; %d are none", shards)
			}
			return a.scale(c.Context(), args[0], job.ScaleRequest{Shards: shards, Reason: reason, By: a.who()})
		},
	}
	c.Flags().IntVar(&shards, "shards", 0, "how many loops share the partitions")
	reasonFlag(c, &reason)
	return c
}

func (a *app) scale(ctx context.Context, name string, request job.ScaleRequest) error {
	receipt, err := obey(ctx, a, name, func(ctx context.Context, t controlPlane) (job.ScaleReceipt, error) {
		return t.Scale(ctx, name, request)
	})
	if err != nil {
		return a.orderProblem(ctx, name, err)
	}
	style := a.console.style()
	most := ""
	if len(receipt.Shards) < request.Shards {
		most = ", one for each partition, and cannot have more"
	}
	a.console.say("%s has %s now%s:\n%s", style.Strong(name), many(len(receipt.Shards), "shard"), most, scaleTable(style, receipt))
	return a.emitJSON(receipt)
}

// scaleTable shows the division as it is, and below it what ended.
func scaleTable(s screen.Style, r job.ScaleReceipt) string {
	var rows [][]string
	for _, shard := range r.Shards {
		became := s.Good("new")
		if holds(r.Kept, shard) {
			became = "kept, was not stopped"
		}
		rows = append(rows, []string{fmt.Sprint(shard.ID), partitionList(shard.Partitions), became})
	}
	for _, shard := range r.Ended {
		rows = append(rows, []string{fmt.Sprint(shard.ID), s.Dim(partitionList(shard.Partitions)), s.Dim("ended, drained and fenced")})
	}
	return s.Table([]screen.Column{{Name: "shard", Right: true}, {Name: "partitions"}, {Name: ""}}, rows)
}

func holds(shards []job.Shard, shard job.Shard) bool {
	return slices.ContainsFunc(shards, func(s job.Shard) bool {
		return s.ID == shard.ID && slices.Equal(s.Partitions, shard.Partitions)
	})
}

// rosterText says which workers have offered themselves, and how many shards each has.
func rosterText(workers []string, shards []shardReport) string {
	parts := make([]string, len(workers))
	for i, w := range workers {
		n := 0
		for _, s := range shards {
			if s.Worker == w {
				n++
			}
		}
		parts[i] = fmt.Sprintf("%s (%s)", w, many(n, "shard"))
	}
	return strings.Join(parts, ", ")
}

func many(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "1 " + what
	}
	return screen.Count(int64(n)) + " " + what + "s"
}
