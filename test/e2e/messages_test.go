package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/training"
	"temporal-streaming/pipelines"
)

type message struct{ key, value []byte }

// dataFile is the real data where it lies beside the project, and simulated rows for
// somebody who has only the project.
func (w *world) dataFile() string {
	w.t.Helper()
	real, err := filepath.Abs("../../../shared/data/ulb/creditcard_uniform.csv.gz")
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := os.Stat(real); err == nil {
		return real
	}
	if os.Getenv("CI") == "true" {
		w.t.Fatalf("the real data are missing: %s", real)
	}
	simulated := filepath.Join(w.dir, "creditcard-simulated.parquet")
	w.must(nil, "simulate", "creditcard", "--rows", "20000", "--out", simulated)
	return simulated
}

// seedMessages makes n messages as the seed's sender does: UUID text as key, one row of 29
// numbers as pandas split JSON. Equal seeds make equal messages.
func seedMessages(t *testing.T, n int, seed uint64) []message {
	t.Helper()
	d, err := pipelines.Load("creditcard")
	if err != nil {
		t.Fatal(err)
	}
	columns := training.Columns(d.StreamSchema())
	header := `{"columns":[`
	for i, c := range columns {
		if i > 0 {
			header += ","
		}
		header += strconv.Quote(c.Name)
	}
	header += `],"data":[[`
	table, err := dataset.Simulate(dataset.SimulateOptions{Rows: max(100, min(n, 20000)), Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 1))
	messages := make([]message, n)
	for i := range messages {
		value := []byte(header)
		for c, column := range columns {
			values, ok := table.Column(column.Name)
			if !ok {
				t.Fatalf("no column %s", column.Name)
			}
			if c > 0 {
				value = append(value, ',')
			}
			value = strconv.AppendFloat(value, values[i%len(values)], 'g', -1, 64)
		}
		value = fmt.Appendf(value, `]],"id":%d}`, i)
		a, b := random.Uint64(), random.Uint64()
		messages[i] = message{key: fmt.Appendf(nil, "%08x-%04x-4%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff), value: value}
	}
	return messages
}
