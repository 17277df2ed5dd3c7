package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/config"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/registry"
	"temporal-streaming/internal/serving"
	"temporal-streaming/internal/training"
	"temporal-streaming/starter/internal/control"
	"temporal-streaming/starter/internal/screen"
)

// backfillOptions are the flags of backfill.
type backfillOptions struct {
	model, dataset, file string
	yes                  bool
}

// backfillAnswer is what --json prints.
type backfillAnswer struct {
	Pipeline string               `json:"pipeline"`
	Model    string               `json:"model"`
	Rows     int                  `json:"rows"`
	From     time.Time            `json:"from"`
	To       time.Time            `json:"to"`
	Stages   []serving.Backfilled `json:"stages"`
}

func (a *app) backfillCommand() *cobra.Command {
	var o backfillOptions
	c := &cobra.Command{
		Use:   "backfill PIPELINE [FILE]",
		Short: "Build what a stream knows from an archive, instead of from its topics",
		Long: `Features with a history need the records before. A stream that begins knows none; one whose
features were changed reads its topics again, as far back as they go. This builds the history
from an archive instead: the data set that was loaded last, another one (--dataset), or a CSV or
Parquet FILE. The stream then begins with it, or goes on with it where it stands.

The archive must hold the records up to where the stream goes on: what is neither in it nor in
the topics after that is not known. Records are taken to be in the partitions that Java's clients
and starter send choose by the key. The stream must be stopped meanwhile.`,
		Example: "  starter backfill transactions\n  starter backfill transactions archive.parquet --yes",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return pipelineArg("PIPELINE, and perhaps a FILE", 1)(c, args)
		},
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 2 {
				o.file = args[1]
			}
			if o.file != "" && o.dataset != "" {
				return misuse("Give one of them.", "a FILE and --dataset are given")
			}
			return a.backfill(c.Context(), args[0], o)
		},
	}
	c.Flags().StringVar(&o.model, "model", registry.Champion, "`VERSION` or alias whose features are meant")
	datasetFlag(c, &o.dataset)
	c.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	return c
}

func (a *app) backfill(ctx context.Context, name string, o backfillOptions) error {
	cfg, d, err := a.about(name)
	if err != nil {
		return err
	}
	if err := a.mustRest(ctx, name); err != nil {
		return err
	}
	server, err := a.server(cfg)
	if err != nil {
		return err
	}
	plan, err := server.BackfillPlan(ctx, name, o.model)
	switch {
	case errors.Is(err, registry.ErrNoChampion):
		return fail(err, "Train a model first: starter train %s", name)
	case errors.Is(err, serving.ErrRequest):
		return fail(err, "There is nothing to backfill.")
	case err != nil:
		return kafkaProblem(cfg, name, err)
	}
	table, rows, err := a.archive(ctx, cfg, d, o)
	if err != nil {
		return err
	}
	answer := backfillAnswer{Pipeline: name, Model: o.model, Rows: rows, Stages: plan}
	answer.From, answer.To = spanOf(d, table)
	a.console.say("%s", backfillScreen(a.console.style(), answer))
	if !o.yes {
		if err := a.confirm(ctx, fmt.Sprintf("Replace what the stream %s knows?", name)); err != nil {
			return err
		}
	}
	board := a.console.board()
	if answer.Stages, err = server.Backfill(ctx, name, o.model, plan, table, func(what string, done int) {
		board.Draw(stageLines(what, name, int64(done), int64(max(done, rows))))
	}); err != nil {
		return fail(err, "What the stream knew may be replaced in part: run it again.")
	}
	board.Leave()
	style := a.console.style()
	var lines [][]string
	for _, s := range answer.Stages {
		lines = append(lines, []string{fmt.Sprint(s.Stage), s.Topic, s.Key, screen.Count(int64(s.Keys)), screen.Bytes(s.Bytes)})
	}
	a.console.say("\n%s\nNext: starter inference %s\n", style.Table([]screen.Column{
		{Name: "stage", Right: true}, {Name: "topic"}, {Name: "key"}, {Name: "keys", Right: true}, {Name: "stored", Right: true},
	}, lines), name)
	return a.emitJSON(answer)
}

// mustRest refuses while the stream runs: its loops would go on with what they know.
func (a *app) mustRest(ctx context.Context, name string) error {
	t, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer t.Close()
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	found, err := t.Describe(ctx, control.Run{WorkflowID: job.InferenceWorkflowID(name)})
	if err == nil && found.Running {
		return fail(fmt.Errorf("the stream %s runs", name), "Stop it first, which drains it: starter stop %s", name)
	}
	if err != nil && !errors.Is(err, control.ErrNotRunning) && !errors.Is(err, control.ErrNotFound) {
		return a.temporalProblem(err)
	}
	return nil
}

// archive reads the rows that the history is built from.
func (a *app) archive(ctx context.Context, cfg config.Config, d *pipeline.Definition, o backfillOptions) (feature.Table, int, error) {
	if o.file != "" {
		data, table, err := a.history(d, o.file)
		return table, data.Len(), err
	}
	store, err := a.objects(cfg)
	if err != nil {
		return feature.Table{}, 0, err
	}
	var set job.Dataset
	if o.dataset != "" {
		found, err := a.loadedDataset(ctx, cfg, d.Name, o.dataset)
		if err != nil {
			return feature.Table{}, 0, err
		}
		set = *found
	} else {
		described, err := store.GetNamed(ctx, job.CurrentDataset(d.Name))
		if err == nil {
			err = json.Unmarshal(described, &set)
		}
		if err != nil {
			return feature.Table{}, 0, objectProblem(cfg, err)
		}
	}
	file, err := store.Get(ctx, artifact.Ref(set.Object))
	if err != nil {
		return feature.Table{}, 0, objectProblem(cfg, err)
	}
	data, err := dataset.ReadParquet(bytes.NewReader(file), int64(len(file)), training.Columns(d.TrainingSchema()), dataset.ReadOptions{IgnoreExtra: true})
	if err != nil {
		return feature.Table{}, 0, fail(err, "Load the data set again: starter load %s FILE", d.Name)
	}
	table, err := feature.TableOf(d, data.Column, data.Texts)
	if err != nil {
		return feature.Table{}, 0, fail(err, "Load a data set with that column: starter load %s FILE", d.Name)
	}
	return table, data.Len(), nil
}

// spanOf is from when to when the rows of a table are.
func spanOf(d *pipeline.Definition, table feature.Table) (from, to time.Time) {
	for i, c := range d.StreamSchema() {
		if c.Name != d.EventTime.Column || len(table.Columns[i]) == 0 {
			continue
		}
		first, last := table.Columns[i][0], table.Columns[i][0]
		for _, v := range table.Columns[i] {
			first, last = min(first, v), max(last, v)
		}
		return time.UnixMilli(int64(first * 1000)).UTC(), time.UnixMilli(int64(last * 1000)).UTC()
	}
	return from, to
}

func backfillScreen(s screen.Style, answer backfillAnswer) string {
	out := fmt.Sprintf("The archive has %s rows, from %s to %s.\n", screen.Count(int64(answer.Rows)),
		answer.From.Format(time.DateTime), answer.To.Format(time.DateTime))
	var rows [][]string
	for _, b := range answer.Stages {
		where := "not begun: it begins with the archive"
		begun := int64(0)
		for _, next := range b.Next {
			begun += max(0, next)
		}
		if begun > 0 {
			where = fmt.Sprintf("goes on at %v", b.Next)
		}
		rows = append(rows, []string{fmt.Sprint(b.Stage), b.Topic, b.Key, where})
	}
	return out + s.Table([]screen.Column{{Name: "stage", Right: true}, {Name: "topic"}, {Name: "key"}, {Name: "stands"}}, rows)
}
