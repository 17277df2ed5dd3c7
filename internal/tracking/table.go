package tracking

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// Table is a small table that MLflow's pages show as one, and put side by side when runs are compared.
type Table struct {
	Columns []string
	Rows    [][]Cell
}

// Cell is a number or a text; see Number and Text.
type Cell struct {
	text   string
	number number
	isText bool
}

// Number is a cell that sorts as a number. NaN and infinities are allowed.
func Number(v float64) Cell { return Cell{number: number(v)} }

// Text is a cell of text.
func Text(s string) Cell { return Cell{text: s, isText: true} }

// MarshalJSON writes the number or the text.
func (c Cell) MarshalJSON() ([]byte, error) {
	if c.isText {
		return json.Marshal(c.text)
	}
	return json.Marshal(c.number)
}

// tablesTag lists a run's tables.
const tablesTag = "mlflow.loggedArtifacts"

type loggedArtifact struct {
	Path string `json:"path"`
	Type string `json:"type"`
}

// PutTable writes the table as a JSON artifact of the run and announces it in the run's tag of tables. Announcing reads and
// writes the tag, so tables of one run are put one after the other.
func (c *Client) PutTable(ctx context.Context, runID, file string, t Table) error {
	if err := c.putTable(ctx, runID, file, t); err != nil {
		return fmt.Errorf("put table %s of run %s: %w", file, runID, err)
	}
	return nil
}

func (c *Client) putTable(ctx context.Context, runID, file string, t Table) error {
	for i, row := range t.Rows {
		if len(row) != len(t.Columns) {
			return fmt.Errorf("%w: row %d has %d cells, the table %d columns", ErrInvalid, i, len(row), len(t.Columns))
		}
	}
	data, err := json.Marshal(struct {
		Columns []string `json:"columns"`
		Data    [][]Cell `json:"data"`
	}{t.Columns, t.Rows})
	if err != nil {
		return err
	}
	run, err := c.Run(ctx, runID)
	if err != nil {
		return err
	}
	if err := c.PutArtifact(ctx, run.Artifacts, file, data); err != nil {
		return err
	}
	var known []loggedArtifact
	if tag := run.Tags[tablesTag]; tag != "" {
		if err := json.Unmarshal([]byte(tag), &known); err != nil {
			return fmt.Errorf("tag %s: %w", tablesTag, err)
		}
	}
	entry := loggedArtifact{Path: file, Type: "table"}
	if slices.Contains(known, entry) {
		return nil
	}
	value, err := json.Marshal(append(known, entry))
	if err != nil {
		return err
	}
	return c.LogBatch(ctx, runID, Batch{Tags: map[string]string{tablesTag: string(value)}})
}
