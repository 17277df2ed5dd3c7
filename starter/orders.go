package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/job"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

func (a *app) swapCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "swap PIPELINE MODEL",
		Short: "Change the model of a running stream, without stopping it",
		Long: `Has every shard change to the model between two transactions. MODEL is a version number
or an alias such as champion. The receipt says where: of each partition, records before
the offset were scored by the model before, all others by the new one, whatever crashes.
A model that cannot be loaded changes nothing.`,
		Example:           "  starter swap creditcard champion\n  starter swap creditcard 3 --reason \"version 4 flags too many\"",
		Args:              pipelineArg("PIPELINE and MODEL", 2),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.knownModel(c.Context(), args[0], args[1]); err != nil {
				return err
			}
			o := control.Order{Update: job.SwapUpdate, Request: job.SwapRequest{Model: args[1], Reason: reason, By: a.who()}}
			return a.order(c.Context(), args[0], o, func(s screen.Style, r job.ControlReceipt) string {
				return fmt.Sprintf("%s scores with %s from these offsets on (generation %d):", s.Strong(args[0]), s.Strong(r.Model.Name+"@"+r.Model.Version), r.Generation)
			})
		},
	}
	reasonFlag(c, &reason)
	return c
}

func (a *app) pauseCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "pause PIPELINE",
		Short: "Have a running stream read no more records, until it is resumed",
		Long: `Has every shard commit the batch in hand and read no further. Shards keep their
partitions and their workers, so "starter resume" goes on within moments. What comes into
the topic waits there; see that its retention is longer than the pause.`,
		Example:           `  starter pause creditcard --reason "the model looks wrong"`,
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			o := control.Order{Update: job.PauseUpdate, Request: job.PauseRequest{Reason: reason, By: a.who()}}
			return a.order(c.Context(), args[0], o, func(s screen.Style, r job.ControlReceipt) string {
				return fmt.Sprintf("%s is paused (generation %d). These records are the next, after: starter resume %s", s.Strong(args[0]), r.Generation, args[0])
			})
		},
	}
	reasonFlag(c, &reason)
	return c
}

func (a *app) resumeCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:               "resume PIPELINE",
		Short:             "Have a paused stream go on",
		Long:              `Has every shard read again, from where it stood. Resuming a stream that is not paused is no error.`,
		Example:           "  starter resume creditcard",
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			o := control.Order{Update: job.ResumeUpdate, Request: job.PauseRequest{Reason: reason, By: a.who()}}
			return a.order(c.Context(), args[0], o, func(s screen.Style, r job.ControlReceipt) string {
				return fmt.Sprintf("%s reads on from here (generation %d):", s.Strong(args[0]), r.Generation)
			})
		},
	}
	reasonFlag(c, &reason)
	return c
}

func (a *app) rateCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "rate PIPELINE RECORDS_PER_SECOND",
		Short: "Limit how many records a running stream reads a second, or lift the limit",
		Long: `Limits the whole stream; each shard gets the share of its partitions. 0 or "off" lifts the
limit. A limited stream falls behind when more comes in.`,
		Example:           "  starter rate creditcard 500 --reason \"spare the broker during the move\"\n  starter rate creditcard off",
		Args:              pipelineArg("PIPELINE and RECORDS_PER_SECOND", 2),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			limit, err := parseRate(args[1])
			if err != nil {
				return err
			}
			o := control.Order{Update: job.RateUpdate, Request: job.RateRequest{PerSecond: limit, Reason: reason, By: a.who()}}
			return a.order(c.Context(), args[0], o, func(s screen.Style, r job.ControlReceipt) string {
				if limit == 0 {
					return fmt.Sprintf("%s reads as fast as it can from here on (generation %d):", s.Strong(args[0]), r.Generation)
				}
				return fmt.Sprintf("%s reads at most %s from here on (generation %d):", s.Strong(args[0]), screen.Rate(limit), r.Generation)
			})
		},
	}
	reasonFlag(c, &reason)
	return c
}

// parseRate reads records per second, with or without "/s"; 0 and off are no limit.
func parseRate(text string) (float64, error) {
	if text == "off" {
		return 0, nil
	}
	limit, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	if err != nil || limit < 0 || math.IsInf(limit, 0) || math.IsNaN(limit) {
		return 0, misuse(`Give records per second, such as 500; 0 or "off" lifts the limit.`, "%q is no rate", text)
	}
	return limit, nil
}

func (a *app) snapshotCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "snapshot PIPELINE",
		Short: "Write down where a running stream stands, to return there later",
		Long: `Writes the offsets, the model and the orders in force to the object store. The name that it
prints, or the file that --json makes, is what "starter seek --snapshot" takes.`,
		Example:           "  starter snapshot creditcard --reason \"before the new producer\"\n  starter snapshot creditcard --json > before.json",
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			o := control.Order{Update: job.SnapshotUpdate, Request: job.SnapshotRequest{Reason: reason, By: a.who()}}
			return a.order(c.Context(), args[0], o, func(s screen.Style, r job.ControlReceipt) string {
				out := fmt.Sprintf("%s stood here (generation %d):", s.Strong(args[0]), r.Generation)
				if r.Snapshot == nil {
					return out
				}
				return fmt.Sprintf("Snapshot  %s\nReturn to it: starter seek %s --snapshot %[1]s --reason ...\n\n", snapshotName(*r.Snapshot), args[0]) + out
			})
		},
	}
	reasonFlag(c, &reason)
	return c
}
