package score

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"testing"
	"time"

	"temporal-streaming/internal/feature"
	"temporal-streaming/internal/model"
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
	r := rand.New(rand.NewPCG(5, 5))
	width := len(d.Features)
	m := &model.Model{Features: d.FeatureNames(), Threshold: 0.5, Preparation: model.Preparation{
		SignedLog: make([]bool, width), Mean: make([]float32, width), Scale: make([]float32, width), Clip: 30,
	}}
	m.Preparation.SignedLog[width-1] = true
	for i := range width {
		m.Preparation.Scale[i] = 1
	}
	for range 3 {
		var network model.MLP
		in := width
		for _, out := range []int{32, 16, 1} {
			l := model.Layer{In: in, Out: out, Weights: make([]float32, in*out), Bias: make([]float32, out)}
			for i := range l.Weights {
				l.Weights[i] = float32(r.NormFloat64()) * 0.3
			}
			network.Layers = append(network.Layers, l)
			in = out
		}
		m.Members = append(m.Members, network)
	}
	return opened(t, filesOf(t, "creditcard", "3", d.YAML(), m))
}
