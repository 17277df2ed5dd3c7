package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/protocol"
	"temporal-streaming/internal/training"
	"temporal-streaming/starter/internal/screen"
)

type evaluateOptions struct {
	protocol, delay, train string
	data                   string
	validation             bool
	members                int
}

func (a *app) evaluateCommand() *cobra.Command {
	var o evaluateOptions
	c := &cobra.Command{
		Use:   "evaluate PIPELINE --protocol a|b|c --data FILE",
		Short: "Measure a pipeline's recipe by a published protocol, with no service running",
		Long: `Trains the pipeline's recipe on the spans of a protocol of the Fraud Detection Handbook and measures it
on the weeks after them: AUC ROC, average precision, and the precision among the 100 cards that look
worst each day; mean and standard deviation over the weeks.

  a  train on 2018-07-25 to 07-31, test on 08-08 to 08-14
  b  four such test weeks; labels are known after 7 days
  c  as b, with labels known after 1 or 3 days

FILE is the handbook's data set as CSV or Parquet, of the pipeline's schema. Recipes are compared with
--validation, on the four weeks before the test weeks; nothing should be chosen by the test weeks.
PIPELINE is a name or a YAML file.`,
		Example: `  starter evaluate transactions --protocol b --data transactions.parquet
  starter evaluate transactions --protocol c --delay 1d --train 28d --data transactions.parquet`,
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if o.data == "" || o.protocol == "" {
				return misuse("See starter evaluate --help.", "give --protocol and --data")
			}
			d, err := a.named(args[0])
			if err != nil {
				return err
			}
			return a.evaluate(c.Context(), d, o)
		},
	}
	c.Flags().StringVar(&o.protocol, "protocol", "", "`PROTOCOL`: a, b or c")
	c.Flags().StringVar(&o.data, "data", "", "CSV or Parquet `FILE` with the handbook's transactions")
	c.Flags().StringVar(&o.delay, "delay", "", "`DELAY` after which labels are known: 7d for a and b, 3d (default) or 1d for c")
	c.Flags().StringVar(&o.train, "train", "7d", "`SPAN` of training")
	c.Flags().BoolVar(&o.validation, "validation", false, "measure on the weeks on which recipes are chosen")
	c.Flags().IntVar(&o.members, "members", 0, "networks whose probabilities are averaged (0: the pipeline's)")
	return c
}

// spans reads the command line's lengths of time, and holds them against the protocol.
func (o evaluateOptions) spans() (p protocol.Protocol, delay, train time.Duration, err error) {
	next := "See starter evaluate --help."
	p = protocol.Protocol(o.protocol)
	if p.Delays() == nil {
		return p, 0, 0, misuse("Give --protocol a, b or c. "+next, "there is no protocol %q", o.protocol)
	}
	delay = p.Delays()[0]
	if o.delay != "" {
		if delay, err = pipeline.Span(o.delay).Duration(); err != nil || !slices.Contains(p.Delays(), delay) {
			return p, 0, 0, misuse(next, "protocol %s knows no --delay %s", p, o.delay)
		}
	}
	if train, err = pipeline.Span(o.train).Duration(); err != nil || train < 24*time.Hour || train > 60*24*time.Hour {
		return p, 0, 0, misuse(next, "--train %s is not a span from 1d to 60d", o.train)
	}
	if p == protocol.A && o.validation {
		return p, 0, 0, misuse(next, "protocol a has no validation weeks; those of b serve it")
	}
	if o.members < 0 || o.members > 64 {
		return p, 0, 0, misuse(next, "--members is %d, want 1 to 64", o.members)
	}
	return p, delay, train, nil
}

func (a *app) evaluate(ctx context.Context, d *pipeline.Definition, o evaluateOptions) error {
	p, delay, train, err := o.spans()
	if err != nil {
		return err
	}
	board := a.console.board()
	table, err := readTable(o.data, training.Columns(d.TrainingSchema()), true, func(read, size int64) {
		board.Draw(stageLines("Read", filepath.Base(o.data), read, size))
	})
	if err != nil {
		return err
	}
	data, err := protocol.Open(d, table, delay)
	if err != nil {
		return fail(err, "A protocol needs a pipeline of the handbook's transactions, with a key and an event time.")
	}
	result, err := data.Run(ctx, p, protocol.Options{Train: train, Validation: o.validation, Members: o.members, Progress: func(e protocol.Progress) {
		board.Draw(stageLines("Train", fmt.Sprintf("week %d, network %d, epoch %d", e.Fold, e.Epoch.Member, e.Epoch.Epoch), int64(e.Done), int64(e.Total)))
	}})
	if errors.Is(err, protocol.ErrRows) {
		return fail(err, "The protocols are about 2018-04-01 to 2018-09-30; give the handbook's data set.")
	}
	if err != nil {
		return fail(err, "Check the pipeline's model and training sections.")
	}
	board.Leave()
	if a.console.json {
		return a.console.emit(result)
	}
	a.console.say("\n%s", evaluationScreen(a.console.style(), d.Name, result))
	return nil
}

func evaluationScreen(s screen.Style, name string, r protocol.Result) string {
	weeks := "test weeks"
	if r.Validation {
		weeks = "validation weeks: for choices, not for claims"
	}
	text := s.Pairs([][2]string{
		{"pipeline", s.Strong(name)},
		{"protocol", fmt.Sprintf("%s, labels known after %g days, trained on %g days; %s", r.Protocol, r.DelayDays, r.TrainDays, weeks)},
		{"networks", fmt.Sprintf("%d, %d features as %d inputs", r.Members, r.Features, r.Inputs)},
	})
	var rows [][]string
	for _, w := range r.Folds {
		rows = append(rows, []string{w.Test, screen.Count(int64(w.TrainRows)), screen.Count(int64(w.TrainPositives)), screen.Count(int64(w.TestRows)),
			screen.Count(int64(w.TestPositives)), fmt.Sprintf("%.3f", w.AUC), fmt.Sprintf("%.3f", w.AP), fmt.Sprintf("%.3f", w.CP100)})
	}
	of := func(v protocol.Spread) string { return s.Strong(fmt.Sprintf("%.3f ± %.3f", v.Mean, v.Deviation)) }
	rows = append(rows, []string{"mean ± sd", "", "", "", "", of(r.AUC), of(r.AP), of(r.CP100)})
	return text + "\n" + s.Table([]screen.Column{{Name: "week from"}, {Name: "trained on", Right: true}, {Name: "frauds", Right: true},
		{Name: "tested on", Right: true}, {Name: "frauds", Right: true}, {Name: "AUC", Right: true}, {Name: "AP", Right: true},
		{Name: "CP@100", Right: true}}, rows)
}
