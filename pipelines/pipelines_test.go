package pipelines

import (
	"strings"
	"testing"
)

func TestEveryEmbeddedPipelineLoads(t *testing.T) {
	if len(Names()) == 0 {
		t.Fatal("no pipeline is embedded")
	}
	for _, name := range Names() {
		if _, err := Load(name); err != nil {
			t.Errorf("%v", err)
		}
	}
}

func TestUnknownPipelineNamesTheKnownOnes(t *testing.T) {
	_, err := Load("nope")
	if err == nil || !strings.Contains(err.Error(), "creditcard") {
		t.Fatalf("error %v does not name creditcard", err)
	}
}

func TestCreditcardStreamsItsTwentyNineFeatureColumns(t *testing.T) {
	d, err := Load("creditcard")
	if err != nil {
		t.Fatal(err)
	}
	columns := d.StreamSchema()
	if len(columns) != 29 || columns[0].Name != "V1" || columns[28].Name != "Amount" {
		t.Fatalf("stream schema %v", columns)
	}
	if len(d.TrainingSchema()) != 31 {
		t.Fatalf("training schema has %d columns", len(d.TrainingSchema()))
	}
}
