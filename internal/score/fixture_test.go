package score

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model"
	"temporal-streaming/internal/model/modeltest"
	"temporal-streaming/internal/pipeline"
	"temporal-streaming/pipelines"
)

// smallYAML is a pipeline of two features whose model can be worked out by hand.
const smallYAML = `name: small
schema:
  - {name: when, type: time}
  - {name: x, type: float}
  - {name: n, type: int}
  - {name: bad, type: int}
order_by: when
label: {column: bad, positive: 1}
source: {topic: input}
features:
  - {name: x}
  - {name: ln, column: n, transform: log1p}
decision: {positive: "odd \"one\"", negative: fine}
sink: {topic: output}
`

// smallModel is one logistic unit: probability = sigmoid(2x - ln), where ln is log1p(n).
func smallModel() *model.Model {
	return &model.Model{
		Features: []string{"x", "ln"},
		Preparation: model.Preparation{
			SignedLog: []bool{false, false}, Mean: []float32{0, 0}, Scale: []float32{1, 1}, Clip: 30,
		},
		Members:   []model.MLP{{Layers: []model.Layer{{In: 2, Out: 1, Weights: []float32{2, -1}, Bias: []float32{0}}}}},
		Threshold: 0.75,
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func file(b []byte) File { return File{Data: b, SHA256: digest(b)} }

func smallFiles(t testing.TB) BundleFiles {
	t.Helper()
	return filesOf(t, "small", "3", []byte(smallYAML), smallModel())
}

func filesOf(t testing.TB, name, version string, yaml []byte, m *model.Model) BundleFiles {
	t.Helper()
	d, err := pipeline.Parse(name+".yaml", yaml)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := feature.SpecOf(d).JSON()
	if err != nil {
		t.Fatal(err)
	}
	onnx, err := m.ONNX()
	if err != nil {
		t.Fatal(err)
	}
	return BundleFiles{Name: name, Version: version, ONNX: file(onnx), Definition: file(yaml), Spec: file(spec)}
}

func opened(t testing.TB, files BundleFiles) *Bundle {
	t.Helper()
	b, err := Open(files)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 7_000_000, time.UTC) }

func engineOf(t testing.TB, b *Bundle, o EngineOptions) *Engine {
	t.Helper()
	if o.Now == nil {
		o.Now = noon
	}
	e, err := b.NewEngine(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// cardBundle is the shipped pipeline with a network of its size and random weights.
func cardBundle(t testing.TB) *Bundle {
	t.Helper()
	d, err := pipelines.Load("creditcard")
	if err != nil {
		t.Fatal(err)
	}
	m := modeltest.Random(d.FeatureNames(), 3, 0.3, 32, 16)
	clear(m.Preparation.SignedLog[:m.Width()-1]) // the amount alone is a logarithm
	return opened(t, filesOf(t, "creditcard", "3", d.YAML(), m))
}
