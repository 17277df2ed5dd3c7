package training

import (
	"slices"
	"testing"

	"temporal-streaming/internal/dataset"
	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/job"
	"temporal-streaming/pipelines"
)

func TestAPipelineWithoutHistoryKeepsTheVectorsOfThePlan(t *testing.T) {
	d, err := pipelines.Load("creditcard")
	if err != nil {
		t.Fatal(err)
	}
	table, err := dataset.Simulate(dataset.SimulateOptions{Rows: 3_000, FraudShare: 0.02, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	whole, cuts, err := history(d, job.Dataset{}, feature.SpecOf(d), table)
	if err != nil {
		t.Fatal(err)
	}
	s := d.Training.Split
	parts, err := dataset.Split(table, d.OrderBy, dataset.Shares{Train: s.Train, Validation: s.Validation, Test: s.Test})
	if err != nil {
		t.Fatal(err)
	}
	schema, err := feature.Schema(d.StreamSchema())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := feature.Compile(feature.SpecOf(d), schema)
	if err != nil {
		t.Fatal(err)
	}
	test := whole.Part(cuts.Test)
	if test.Len() != parts.Test.Len() || test.Check() != nil {
		t.Fatalf("%d test rows, want %d; %v", test.Len(), parts.Test.Len(), test.Check())
	}
	row, x := make([]float64, schema.Width()), make([]float32, plan.Width())
	labels, _ := parts.Test.Column(d.Label.Column)
	for i := range test.Len() {
		for c, f := range schema.Fields() {
			values, _ := parts.Test.Column(f.Name)
			row[c] = values[i]
		}
		plan.Vector(row, x)
		if !slices.Equal(x, test.Row(i)) || float64(test.Y[i]) != labels[i] {
			t.Fatalf("row %d: %v, want %v", i, test.Row(i), x)
		}
	}
}
