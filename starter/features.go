package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/starter/internal/screen"
)

// computed is what --json prints.
type computed struct {
	File      string   `json:"file"`
	Rows      int      `json:"rows"`
	Features  []string `json:"features"`
	Reordered uint64   `json:"reordered"`
	Late      uint64   `json:"late"`
}

func (a *app) featuresCommand() *cobra.Command {
	var in, out string
	c := &cobra.Command{
		Use:   "features PIPELINE --in FILE --out FILE",
		Short: "Compute a pipeline's features for a file, with no service running",
		Long: `Reads a CSV or Parquet file and writes a Parquet or CSV file (by its name): the record's id,
the keys and the event time, then one column of float64 for each feature, named as in the YAML. The rows keep
their order; the features are those that training and the stream compute, bit for bit.
PIPELINE is a name or a YAML file.`,
		Example:           "  starter features transactions --in transactions.parquet --out features.parquet",
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if in == "" || out == "" {
				return misuse("See starter features --help.", "give --in and --out")
			}
			d, err := a.named(args[0])
			if err != nil {
				return err
			}
			return a.features(c.Context(), d, in, out)
		},
	}
	c.Flags().StringVar(&in, "in", "", "CSV or Parquet `FILE` with the columns of the pipeline's schema")
	c.Flags().StringVar(&out, "out", "", "Parquet or CSV `FILE` to write")
	return c
}

func (a *app) features(ctx context.Context, d *pipeline.Definition, in, out string) error {
	data, table, err := a.history(d, in)
	if err != nil {
		return err
	}
	program, err := feature.ProgramOf(d)
	if err != nil {
		return err
	}
	replayed, err := program.Replay(table, feature.ReplayOptions{Workers: runtime.GOMAXPROCS(0)})
	if err != nil {
		return fail(fmt.Errorf("%s: %w", in, err), "Correct the row.")
	}
	if err := ctx.Err(); err != nil {
		return fail(err, "Nothing was written.")
	}
	if err := writeFeatures(d, data, replayed.X, out); err != nil {
		return fail(err, "Give --out a file that can be written.")
	}
	met := replayed.Counters()
	answer := computed{File: out, Rows: data.Len(), Features: program.Names(), Reordered: met.Reordered, Late: met.Late}
	a.console.say("%s: %d features of %s rows.\n", out, len(answer.Features), screen.Count(int64(answer.Rows)))
	return a.emitJSON(answer)
}

// featureColumns are the columns that say whose features they are, and where data has them.
func featureColumns(d *pipeline.Definition, data dataset.Table) (columns []dataset.Column, from [][]float64) {
	names := []string{d.ID}
	for _, s := range d.Stages() {
		names = append(names, s.Key)
	}
	names = append(names, d.EventTime.Column)
	for i, c := range data.Columns {
		if slices.Contains(names, c.Name) {
			columns, from = append(columns, c), append(from, data.Data[i])
		}
	}
	return columns, from
}

// writeFeatures writes beside the file and renames, so that it never holds half of one.
func writeFeatures(d *pipeline.Definition, data dataset.Table, x []float64, path string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".features-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()           // the first error counts
			os.Remove(f.Name()) // and nothing is left behind
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err = featureRows(d, data, x, w, strings.EqualFold(filepath.Ext(path), ".csv")); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

func featureRows(d *pipeline.Definition, data dataset.Table, x []float64, w io.Writer, csv bool) error {
	columns, from := featureColumns(d, data)
	for _, f := range d.Features {
		if i := slices.IndexFunc(columns, func(c dataset.Column) bool { return c.Name == f.Name }); i >= 0 {
			return fmt.Errorf("the feature %s has the name of a column that is written, too; rename it", f.Name)
		}
		columns = append(columns, dataset.Column{Name: f.Name})
	}
	rows, err := rowWriter(w, columns, data, csv)
	if err != nil {
		return err
	}
	row, width := make([]float64, len(columns)), len(d.Features)
	for r := range data.Len() {
		for c := range from {
			row[c] = from[c][r]
		}
		copy(row[len(from):], x[r*width:(r+1)*width])
		if err := rows.WriteRow(row); err != nil {
			return err
		}
	}
	return rows.Close()
}

func rowWriter(w io.Writer, columns []dataset.Column, data dataset.Table, csv bool) (dataset.RowWriter, error) {
	if csv {
		rows, err := dataset.NewCSVWriter(w, columns)
		if err == nil {
			rows.Texts = data.Texts
		}
		return rows, err
	}
	rows, err := dataset.NewParquetWriter(w, columns)
	if err == nil {
		rows.Texts = data.Texts
	}
	return rows, err
}
