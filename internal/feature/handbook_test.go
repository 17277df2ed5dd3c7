package feature_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/pipelines"
)

// handbook is the Fraud Detection Handbook's data, which lies beside the project and not in it, ready to replay.
var handbook = sync.OnceValues(func() (feature.Table, error) {
	var table feature.Table
	file, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "handbook", "transactions.parquet"))
	if err != nil {
		return table, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return table, err
	}
	data, err := dataset.ReadParquet(file, info.Size(), []dataset.Column{
		{Name: "TRANSACTION_ID", Kind: dataset.Int}, {Name: "TX_DATETIME", Kind: dataset.Time}, {Name: "CUSTOMER_ID", Kind: dataset.Int},
		{Name: "TERMINAL_ID", Kind: dataset.Int}, {Name: "TX_AMOUNT", Kind: dataset.Decimal, Places: 2}, {Name: "TX_FRAUD", Kind: dataset.Int},
	}, dataset.ReadOptions{IgnoreExtra: true})
	if err != nil {
		return table, err
	}
	table.Columns = data.Data[:5]
	for _, v := range data.Data[5] {
		label := feature.Negative
		if v == 1 {
			label = feature.Positive
		}
		table.Labels = append(table.Labels, label)
	}
	return table, nil
})

func transactions(t testing.TB) (*pipeline.Definition, *feature.Program) {
	t.Helper()
	d, err := pipelines.Load("transactions")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := feature.Schema(d.StreamSchema())
	if err != nil {
		t.Fatal(err)
	}
	p, err := feature.NewProgram(feature.SpecOf(d), schema)
	if err != nil {
		t.Fatal(err)
	}
	return d, p
}

func handbookTable(t testing.TB) feature.Table {
	t.Helper()
	table, err := handbook()
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skip("the handbook's data is not here; CI has it")
	} else if err != nil {
		t.Fatal(err)
	}
	return table
}

// The 15 features of all 1,754,155 transactions on one core, data in memory.
func BenchmarkHandbook(b *testing.B) {
	table := handbookTable(b)
	_, p := transactions(b)
	b.ResetTimer()
	var x []float64
	for b.Loop() {
		out, err := p.Replay(table, feature.ReplayOptions{X: x})
		x = out.X
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(table.Labels)), "ns/row")
	}
}
