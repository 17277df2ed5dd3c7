package feature

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"temporal-streaming/pipelines"
)

// The golden file is what an earlier version of the program stored beside its models.
func TestTheSpecOfStoredModelsIsStillReadAndWritten(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "creditcard-spec-v1.json"))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := ReadSpec(golden)
	if err != nil {
		t.Fatal(err)
	}
	d, err := pipelines.Load("creditcard")
	if err != nil {
		t.Fatal(err)
	}
	if !SpecOf(d).Equal(stored) {
		t.Error("the spec of creditcard is no longer that of stored models")
	}
	written, err := stored.JSON()
	if err != nil || !bytes.Equal(written, golden) {
		t.Errorf("the spec is written otherwise than it was: %v\n%s", err, written)
	}
}

func TestAStatefulSpecSurvivesJSON(t *testing.T) {
	d, err := pipelines.Load("transactions")
	if err != nil {
		t.Fatal(err)
	}
	spec := SpecOf(d)
	b, err := spec.JSON()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadSpec(b)
	if err != nil || !again.Equal(spec) || again.Format != FormatStateful {
		t.Errorf("%v: %s", err, b)
	}
	again.History.ToleranceMS++
	if again.Equal(spec) {
		t.Error("another tolerance is the same spec")
	}
}
