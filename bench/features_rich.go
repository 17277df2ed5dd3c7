package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"temporal-streaming/internal/feature"
)

//go:embed peers/rich.py
var richScript []byte

// richShare is of which customers the rich features are checked: every so manieth. Plain
// Python takes a tenth of a second for a thousand transactions.
const richShare = 10

// checkRich compares the rich features of some customers' transactions, as if there were no
// others, with those that plain Python computes. It answers how many values are equal.
func (b *bench) checkRich(ctx context.Context, h *handbook, data string) (int, error) {
	fail := func(err error) (int, error) { return 0, fmt.Errorf("check with plain Python: %w", err) }
	python, err := b.pythonWith(ctx, featurePins, "polars; about 50 MB")
	if err != nil {
		return fail(err)
	}
	dir, err := os.MkdirTemp("", "bench-rich-*")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "rich.py")
	if err := os.WriteFile(script, richScript, 0o600); err != nil {
		return fail(err)
	}
	b.say("computing the same of every %dth customer with plain Python", richShare)
	cmd := exec.CommandContext(ctx, python, script, data, strconv.Itoa(richShare), dir)
	cmd.Stderr = b.stderr
	said, err := cmd.Output()
	if err != nil {
		return fail(err)
	}
	var answer struct {
		Rows int `json:"rows"`
	}
	if err := json.Unmarshal(said, &answer); err != nil {
		return fail(err)
	}
	some := &handbook{program: h.program, table: h.ofSome(richShare)}
	if len(some.table.Labels) != answer.Rows {
		return fail(fmt.Errorf("it computed %d rows, want %d", answer.Rows, len(some.table.Labels)))
	}
	replayed, err := some.program.Replay(some.table, feature.ReplayOptions{})
	if err != nil {
		return fail(err)
	}
	theirs := make(map[string][]float64, h.program.Width())
	for _, name := range h.program.Names() {
		if theirs[name], err = readDoubles(filepath.Join(dir, name+".f64"), answer.Rows); err != nil {
			return fail(err)
		}
	}
	return some.compare(theirs, replayed.X)
}

// ofSome are the rows of the customers whose number every divides. Customers are the key of
// the first stage.
func (h *handbook) ofSome(every float64) feature.Table {
	t := h.table
	some := feature.Table{Texts: t.Texts, Columns: make([][]float64, len(t.Columns))}
	for i, customer := range t.Columns[h.program.Stages()[0].KeyColumn()] {
		if math.Mod(customer, every) != 0 {
			continue
		}
		for c := range t.Columns {
			some.Columns[c] = append(some.Columns[c], t.Columns[c][i])
		}
		some.Labels = append(some.Labels, t.Labels[i])
	}
	return some
}
