package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/training"
	"temporal-streaming/starter/internal/screen"
)

// simulation is what --json prints.
type simulation struct {
	File      string  `json:"file"`
	Rows      int     `json:"rows"`
	Positives int     `json:"positives"`
	Seed      uint64  `json:"seed"`
	Share     float64 `json:"fraud_share"`
	Simulated bool    `json:"simulated"`
}

func (a *app) simulateCommand() *cobra.Command {
	s := simulation{Simulated: true}
	c := &cobra.Command{
		Use:   "simulate PIPELINE",
		Short: "Write a data set of the pipeline's schema from a seeded generator",
		Long: `Writes a CSV or Parquet file (by its name) for people who do not have the real data
set. The same seed gives the same file, byte for byte.

What a model learns from it says nothing about real payments, so the file's name must
hold "simulated", and it is marked so wherever the data set shows.

transactions follow the Fraud Detection Handbook's published process: customers, terminals,
and three scenarios of fraud; there are as many customers as make the rows in half a year.`,
		Example: `  starter simulate creditcard --out creditcard-simulated.parquet --rows 100000
  starter load creditcard creditcard-simulated.parquet
  starter simulate transactions --rows 1754155`,
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if s.File == "" {
				s.File = args[0] + "-simulated.parquet"
			}
			return a.simulate(c.Context(), args[0], s)
		},
	}
	c.Flags().StringVar(&s.File, "out", "", "`FILE` to write (default PIPELINE-simulated.parquet)")
	c.Flags().IntVar(&s.Rows, "rows", 284_807, "rows; the default is as many as the public data set has")
	c.Flags().Uint64Var(&s.Seed, "seed", 1, "seed of the generator")
	c.Flags().Float64Var(&s.Share, "fraud-share", defaultShare, "share of the rows that are fraud (creditcard)")
	return c
}

func (a *app) simulate(ctx context.Context, name string, s simulation) error {
	definition, err := a.pipeline(name)
	if err != nil {
		return err
	}
	world, known := worldOf(definition)
	switch {
	case !known:
		return misuse("Use a data set of your own: starter load "+name+" FILE.", "no generator makes data of the schema of %s", name)
	case !world.choosesShare && s.Share != defaultShare:
		return misuse("Leave --fraud-share out.", "the generator of %s decides itself what is fraud", name)
	case !isSimulated(s.File):
		return misuse("Try --out "+simulatedName(s.File)+".", "the name of a simulated file must say so, and %s does not", filepath.Base(s.File))
	case s.Rows < 100 || s.Rows > 10_000_000:
		return misuse("Give --rows between 100 and 10000000.", "%d rows are asked for", s.Rows)
	case s.Share <= 0 || s.Share > 0.5:
		return misuse("Give --fraud-share above 0 and at most 0.5.", "a fraud share of %g is asked for", s.Share)
	}
	board := a.console.board()
	rows := &counted{ctx: ctx, label: slices.Index(dataset.Table{Columns: world.columns}.Names(), definition.Label.Column),
		positive: definition.Label.Positive, progress: func(n int) { board.Draw(stageLines("Write", s.File, int64(n), int64(s.Rows))) }}
	if err := writeSimulated(s, world, rows); err != nil {
		if errors.Is(err, context.Canceled) {
			return fail(errors.New("interrupted"), "Nothing was written.")
		}
		return fail(err, "Give --out a file that can be written.")
	}
	rows.progress(s.Rows)
	board.Leave()
	s.Positives = rows.positives
	if !world.choosesShare {
		s.Share = float64(rows.positives) / float64(s.Rows)
	}
	if a.console.json {
		return a.console.emit(s)
	}
	style := a.console.style()
	a.console.say("\n%s\nNext: starter load %s %s\n", style.Pairs([][2]string{
		{"file", s.File + style.Warn("  simulated")},
		{"rows", screen.Count(int64(s.Rows))},
		{definition.Decision.Positive, screen.Count(int64(s.Positives))},
		{"seed", fmt.Sprint(s.Seed)},
	}), name, s.File)
	return nil
}

// defaultShare is the public data set's.
const defaultShare = 0.00173

// world is a generator and the columns that it fills.
type world struct {
	columns      []dataset.Column
	choosesShare bool // the share of frauds can be asked for
	simulate     func(w dataset.RowWriter, s simulation) error
}

// worldOf finds the generator for a pipeline's schema.
func worldOf(d *pipeline.Definition) (world, bool) {
	worlds := []world{
		{dataset.CreditCardColumns(), true, func(w dataset.RowWriter, s simulation) error {
			return dataset.SimulateTo(w, dataset.SimulateOptions{Rows: s.Rows, Seed: s.Seed, FraudShare: s.Share})
		}},
		{dataset.TransactionColumns(), false, func(w dataset.RowWriter, s simulation) error {
			return dataset.SimulateTransactionsTo(w, dataset.TransactionOptions{Rows: s.Rows, Seed: s.Seed})
		}},
	}
	needed := slices.DeleteFunc(training.Columns(d.TrainingSchema()), func(c dataset.Column) bool { return c.Optional })
	i := slices.IndexFunc(worlds, func(w world) bool { return slices.Equal(needed, w.columns) })
	if i < 0 {
		return world{}, false
	}
	return worlds[i], true
}

// writeSimulated writes beside the file and renames, so that it never holds half of one.
func writeSimulated(s simulation, in world, rows *counted) (err error) {
	f, err := os.CreateTemp(filepath.Dir(s.File), ".simulated-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", s.File, err)
	}
	defer func() {
		if err != nil {
			f.Close()           // the first error counts
			os.Remove(f.Name()) // and nothing is left behind
			err = fmt.Errorf("write %s: %w", s.File, err)
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if strings.EqualFold(filepath.Ext(s.File), ".csv") {
		rows.RowWriter, err = dataset.NewCSVWriter(w, in.columns)
	} else {
		rows.RowWriter, err = dataset.NewParquetWriter(w, in.columns)
	}
	if err == nil {
		err = in.simulate(rows, s)
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Rename(f.Name(), s.File)
	}
	return err
}

// counted counts the rows that pass to a file, and stops when ctx ends.
type counted struct {
	dataset.RowWriter
	ctx             context.Context
	label           int
	positive        float64
	rows, positives int
	progress        func(rows int)
}

func (c *counted) WriteRow(row []float64) error {
	if c.rows%10_000 == 0 {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		c.progress(c.rows)
	}
	c.rows++
	if row[c.label] == c.positive {
		c.positives++
	}
	return c.RowWriter.WriteRow(row)
}

// isSimulated tells by its name that a file was made by a generator.
func isSimulated(path string) bool {
	return strings.Contains(strings.ToLower(filepath.Base(path)), "simulated")
}

func simulatedName(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "-simulated" + ext
}
