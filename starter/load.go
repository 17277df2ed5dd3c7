package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/artifact"
	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/job"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/training"
	"temporal-streaming/starter/internal/screen"
)

func (a *app) loadCommand() *cobra.Command {
	var o loadOptions
	c := &cobra.Command{
		Use:   "load PIPELINE FILE",
		Short: "Put a data set where training finds it",
		Long: `Checks a CSV (plain or gzip) or Parquet file against the pipeline's schema, stores it as
Parquet in the object store, and makes it the data set that "starter train" uses.

Loading the same file again changes nothing. A file whose name holds "simulated", as
"starter simulate" names them, is marked so wherever the data set shows.

Where a file keeps every fraud but only a sample of the genuine rows, --negative-weight says
how many genuine rows of the world one of the file stands for, so that average precision,
precision and calibration are those of the world.`,
		Example: `  starter load creditcard creditcard.csv
  starter load creditcard creditcard_uniform.csv.gz --negative-weight 12.83`,
		Args:              pipelineArg("PIPELINE and FILE", 2),
		ValidArgsFunction: completePipeline,
		RunE: func(c *cobra.Command, args []string) error {
			if o.negativeWeight < 0 || o.negativeWeight > 1e6 || math.IsNaN(o.negativeWeight) {
				return misuse("Give how many genuine rows one of the file stands for, such as 12.83.", "--negative-weight is %g", o.negativeWeight)
			}
			o.simulated = o.simulated || isSimulated(args[1])
			return a.load(c.Context(), args[0], args[1], o)
		},
	}
	c.Flags().BoolVar(&o.simulated, "simulated", false, "mark the data as made by a generator")
	c.Flags().Float64Var(&o.negativeWeight, "negative-weight", 0, "genuine rows of the world that one of the file stands for (0: what the pipeline declares)")
	return c
}

type loadOptions struct {
	simulated      bool
	negativeWeight float64
}

func (a *app) load(ctx context.Context, name, path string, o loadOptions) error {
	cfg, definition, err := a.about(name)
	if err != nil {
		return err
	}
	if err := checkData(path); err != nil {
		return err
	}
	store, err := a.objects(cfg)
	if err != nil {
		return err
	}
	board := a.console.board()
	table, err := readTable(path, training.Columns(definition.TrainingSchema()), true, func(read, size int64) {
		board.Draw(stageLines("Read", filepath.Base(path), read, size))
	})
	if err != nil {
		return err
	}
	positives, err := countPositives(table, definition)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", path, err), "A model needs rows of both classes; check the column %s.", definition.Label.Column)
	}
	board.Draw(stageLines("Store", cfg.S3.Bucket, 0, 1))
	d := job.Dataset{
		Name: name, Source: filepath.Base(path), Simulated: o.simulated,
		Rows: int64(table.Len()), Positives: positives, NegativeWeight: o.negativeWeight,
	}
	if err := storeDataset(ctx, store, &d, table); err != nil {
		return objectProblem(cfg, err)
	}
	board.Draw(stageLines("Store", cfg.S3.Bucket, 1, 1))
	board.Leave()
	if a.console.json {
		return a.console.emit(d)
	}
	a.console.say("\n%s\nNext: starter train %s\n", datasetScreen(a.console.style(), d, table, definition), name)
	return nil
}

// storeDataset writes the table under its digest and then moves the pointer that
// training follows, so that a load that is interrupted changes nothing.
func storeDataset(ctx context.Context, store objectStore, d *job.Dataset, table dataset.Table) error {
	var parquet bytes.Buffer
	if err := dataset.WriteParquet(&parquet, table); err != nil {
		return err
	}
	if err := store.EnsureBucket(ctx); err != nil {
		return err
	}
	ref, err := store.Put(ctx, "datasets/"+d.Name, objectName(d.Source), parquet.Bytes())
	if err != nil {
		return err
	}
	d.Object, d.URI = job.Object(ref), store.URI(ref)
	pointer, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode the data set's description: %w", err)
	}
	if err := store.PutNamed(ctx, describedDataset(d.Name, d.Object.SHA256), pointer); err != nil {
		return err
	}
	return store.PutNamed(ctx, job.CurrentDataset(d.Name), pointer)
}

func countPositives(t dataset.Table, d *pipeline.Definition) (int64, error) {
	n, err := t.Count(d.Label.Column, d.Label.Positive)
	if err != nil {
		return 0, err
	}
	if n == 0 || n == t.Len() {
		return 0, fmt.Errorf("%s of %s rows have %s = %g", screen.Count(int64(n)), screen.Count(int64(t.Len())), d.Label.Column, d.Label.Positive)
	}
	return int64(n), nil
}

// objectName is the Parquet object's name for a file: its base name with the
// characters that every store takes.
func objectName(source string) string {
	base := strings.TrimSuffix(source, ".gz")
	base = strings.TrimSuffix(base, filepath.Ext(base))
	return strings.Map(func(r rune) rune {
		if r < 128 && (r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '-'
	}, base) + ".parquet"
}

func datasetScreen(s screen.Style, d job.Dataset, t dataset.Table, p *pipeline.Definition) string {
	source := d.Source
	if d.Simulated {
		source += s.Warn("  simulated")
	}
	rows := [][2]string{
		{"data set", s.Strong(d.Name)},
		{"from", source},
		{"rows", screen.Count(d.Rows)},
		{p.Decision.Positive, fmt.Sprintf("%s (%.3f %%)", screen.Count(d.Positives), 100*float64(d.Positives)/float64(d.Rows))},
		{"columns", columnList(t.Columns)},
	}
	if d.NegativeWeight > 0 {
		rows = append(rows, [2]string{"weight", fmt.Sprintf("one %s row stands for %g", p.Decision.Negative, d.NegativeWeight)})
	}
	if times, ok := t.Column(p.OrderBy); ok {
		first, last := times[0], times[0]
		for _, v := range times {
			first, last = min(first, v), max(last, v)
		}
		rows = append(rows, [2]string{p.OrderBy, fmt.Sprintf("%g to %g", first, last)})
	}
	rows = append(rows,
		[2]string{"stored", fmt.Sprintf("%s as Parquet", screen.Bytes(d.Object.Size))},
		[2]string{"at", d.URI},
		[2]string{"sha-256", artifact.Ref(d.Object).SHA256})
	return s.Pairs(rows)
}

// stageLines is the board of a command that reads and writes: one bar.
func stageLines(verb, what string, done, of int64) []screen.Line {
	share := 1.0
	if of > 0 {
		share = float64(done) / float64(of)
	}
	plain := ""
	if done == 0 || done >= of {
		plain = verb + " " + what
	}
	return []screen.Line{{
		Key:   verb,
		Live:  fmt.Sprintf("%s %s %3.0f %%  %s", screen.Pad(verb, 6), screen.Bar(share, 30), 100*share, what),
		Plain: plain,
	}}
}
