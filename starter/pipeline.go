package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/internal/training"
	"temporal-streaming/pipelines"
	"temporal-streaming/starter/internal/screen"
)

func (a *app) pipelineCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "pipeline",
		Short: "Check a pipeline's file, draw its plan, explain a record's features",
		Long: `A pipeline is a YAML file that declares the messages, the label, the features, the model and the topics.
Its features are computed from it alone, in training and in the stream. Those that this program was
built with are ` + join(pipelines.Names()) + `; docs/pipelines.md explains the language.

Nothing needs to run for these commands.`,
		Example: `  starter pipeline show transactions
  starter pipeline check pipelines/transactions.yaml`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return misuse("See "+c.CommandPath()+" --help.", "there is no command %s %s", c.CommandPath(), args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.pipelineCheckCommand(), a.pipelineShowCommand(), a.pipelineExplainCommand(), a.pipelineSchemaCommand())
	return c
}

// checked is what `pipeline check --json` prints.
type checked struct {
	File     string   `json:"file"`
	Name     string   `json:"name"`
	Digest   string   `json:"digest"`
	Features []string `json:"features"`
	Stages   int      `json:"stages"`
}

func (a *app) pipelineCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Say whether a pipeline's file is valid, and what to mend where it is not",
		Long: `Reads a pipeline's YAML and lists every problem with file, line, field and what to write
instead. Nothing needs to run for it.`,
		Example: "  starter pipeline check pipelines/transactions.yaml",
		Args:    oneFile,
		RunE: func(_ *cobra.Command, args []string) error {
			d, err := definitionIn(args[0])
			if err != nil {
				return err
			}
			answer := checked{File: args[0], Name: d.Name, Digest: d.Digest(), Features: d.FeatureNames(), Stages: len(d.Stages())}
			a.console.say("%s is valid: %s, %s, %d features in %d stages.\n", args[0], d.Name, d.Digest()[:12], len(answer.Features), answer.Stages)
			return a.emitJSON(answer)
		},
	}
}

func oneFile(c *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return misuse("See "+c.CommandPath()+" --help.", "give one FILE, not %d", len(args))
}

// definitionIn parses a file, and holds its name against the pipeline's.
func definitionIn(path string) (*pipeline.Definition, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, fail(err, "Give the path of a pipeline's YAML file.")
	}
	d, err := pipeline.Parse(path, source)
	if err != nil {
		return nil, fail(err, "Mend the lines that are named. docs/pipelines.md explains the language.")
	}
	if want := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)); d.Name != want {
		return nil, fail(fmt.Errorf("%s: name: %q is not the file's name", path, d.Name), "Write name: %s, or rename the file to %s.yaml.", want, d.Name)
	}
	return d, nil
}

// named is a pipeline that the program knows, or the file of another.
func (a *app) named(name string) (*pipeline.Definition, error) {
	if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		return definitionIn(name)
	}
	return a.pipeline(name)
}

func (a *app) pipelineShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show PIPELINE",
		Short: "Draw a pipeline's plan: stages, keys, state, features",
		Long: `Draws what the pipeline's YAML makes of a record, stage by stage: the topic that it is read
from, the key whose history is kept and for how long, and the features. PIPELINE is a name or
a YAML file.`,
		Example:           "  starter pipeline show transactions",
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(_ *cobra.Command, args []string) error {
			d, err := a.named(args[0])
			if err != nil {
				return err
			}
			a.console.say("%s", d.Draw())
			return a.emitJSON(struct {
				Name     string             `json:"name"`
				Stages   []pipeline.Stage   `json:"stages"`
				Features []feature.Input    `json:"features"`
				Schema   []pipeline.Column  `json:"schema"`
				Labels   pipeline.Arrival   `json:"labels"`
				Time     pipeline.EventTime `json:"event_time"`
			}{d.Name, d.Stages(), feature.SpecOf(d).Features, d.StreamSchema(), d.Labels, d.EventTime})
		},
	}
}

func (a *app) pipelineSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of pipeline files, for editors",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return misuse("See "+c.CommandPath()+" --help.", "give no arguments")
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			schema, err := pipeline.JSONSchema()
			if err != nil {
				return err
			}
			return a.console.line(schema)
		},
	}
}

func (a *app) pipelineExplainCommand() *cobra.Command {
	var record, in string
	c := &cobra.Command{
		Use:   "explain PIPELINE --record ID --in FILE",
		Short: "Tell how each feature of one record came about",
		Long: `Computes the features of one record of a CSV or Parquet file as they were when it happened,
and says for each what it looked at: key, window, and how many records were in it.`,
		Example:           "  starter pipeline explain transactions --record 1000000 --in transactions.parquet",
		Args:              pipelineArg("PIPELINE", 1),
		ValidArgsFunction: completePipeline,
		RunE: func(_ *cobra.Command, args []string) error {
			if record == "" || in == "" {
				return misuse("See starter pipeline explain --help.", "give --record and --in")
			}
			d, err := a.named(args[0])
			if err != nil {
				return err
			}
			return a.explain(d, record, in)
		},
	}
	c.Flags().StringVar(&record, "record", "", "the record's `ID`: its value in the column that the pipeline names as id")
	c.Flags().StringVar(&in, "in", "", "CSV or Parquet `FILE` with the record and those before it")
	return c
}

func (a *app) explain(d *pipeline.Definition, id, path string) error {
	if d.ID == "" {
		return fail(fmt.Errorf("the pipeline %s does not name a column as id", d.Name), "Add id: with the column that identifies a record.")
	}
	data, table, err := a.history(d, path)
	if err != nil {
		return err
	}
	row := findRecord(d, data, id)
	if row < 0 {
		return fail(fmt.Errorf("%s: no record has %s = %s", path, d.ID, id), "Give the id of a record that the file holds.")
	}
	features, err := feature.Explain(d, table, row)
	if err != nil {
		return fail(err, "Check the file's rows.")
	}
	rows := make([][2]string, len(features))
	for i, f := range features {
		rows[i] = [2]string{f.Feature, fmt.Sprintf("%-12.8g %s", f.Value, f.How)}
	}
	a.console.say("%s %s, row %s of %s\n\n%s\n", d.ID, id, screen.Count(int64(row)), filepath.Base(path), a.console.style().Pairs(rows))
	return a.emitJSON(struct {
		ID       string                `json:"id"`
		Row      int                   `json:"row"`
		Features []feature.Explanation `json:"features"`
	}{id, row, features})
}

// findRecord returns the row with an id; -1 where there is none.
func findRecord(d *pipeline.Definition, data dataset.Table, id string) int {
	values, _ := data.Column(d.ID) // a column of the stream schema, which the file has
	column, _ := d.Column(d.ID)
	return slices.IndexFunc(values, func(v float64) bool {
		if column.Type == pipeline.Text {
			return string(data.Texts.At(v)) == id
		}
		return fmt.Sprintf("%d", int64(v)) == id
	})
}

// history reads what the features of a pipeline are made of, label included where one looks at it.
func (a *app) history(d *pipeline.Definition, path string) (dataset.Table, feature.Table, error) {
	want := d.StreamSchema()
	for _, name := range []string{d.Label.Column, d.Label.KnownAt} {
		if column, ok := d.Column(name); ok && d.LooksAtLabels() && !slices.Contains(want, column) {
			want = append(want, column)
		}
	}
	board := a.console.board()
	data, err := readTable(path, training.Columns(want), true, func(read, size int64) {
		board.Draw(stageLines("Read", filepath.Base(path), read, size))
	})
	if err != nil {
		return data, feature.Table{}, err
	}
	board.Leave()
	table, err := feature.TableOf(d, data.Column, data.Texts)
	return data, table, err
}
