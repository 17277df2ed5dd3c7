package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write golden.onnx anew; golden.py then makes golden.json")

// TestOnnxRuntimeAgrees holds every reader here against ONNX Runtime's results on a file committed with them, which later versions
// must go on reading.
func TestOnnxRuntimeAgrees(t *testing.T) {
	if *update {
		m := fitted(t, smallConfig())
		m.Threshold = 0.4
		if err := os.WriteFile("testdata/golden.onnx", file(t, m), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile("testdata/golden.onnx")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		X           []float32
		Probability []float32
		Label       []int64
	}
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	m, err := ReadONNX(golden)
	if err != nil {
		t.Fatal(err)
	}
	n := len(want.Probability)
	if n != 400 {
		t.Fatalf("%d golden rows, want 400", n)
	}
	evaluated, err := Evaluate(golden, want.X, n)
	if err != nil {
		t.Fatal(err)
	}
	forwarded, err := Forward(m, want.X, n)
	if err != nil {
		t.Fatal(err)
	}
	best, portable := make([]float32, n), make([]float32, n)
	NewScorer(m, n).Score(want.X, n, best)
	newScorer(m, n, portableKernel()).Score(want.X, n, portable)
	for name, got := range map[string][]float32{"Evaluate": evaluated, "Forward": forwarded, "Scorer": best, "portable Scorer": portable} {
		if gap := largestGap(got, want.Probability); gap > 1e-6 {
			t.Errorf("%s differs from ONNX Runtime by %g", name, gap)
		}
	}
	labels := map[int64]int{}
	for i, l := range want.Label {
		labels[l]++
		if (best[i] >= m.Threshold) != (l == 1) {
			t.Errorf("row %d: label %d at probability %v and threshold %v", i, l, best[i], m.Threshold)
		}
	}
	if labels[0] == 0 || labels[1] == 0 || len(labels) != 2 {
		t.Errorf("golden labels %v, want zeros and ones", labels)
	}
}

func TestReadONNXReturnsWhatWasWritten(t *testing.T) {
	plain := untrained(29, 3, 7)
	plain.Preparation.SignedLog[28] = false
	for name, m := range map[string]*Model{
		"bins": fitted(t, smallConfig()), "signed log": untrained(29, 2, 64, 64), "plain": plain, "logistic": untrained(3, 1),
	} {
		m.Threshold = 0.25
		data := file(t, m)
		got, err := ReadONNX(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got, m) {
			t.Errorf("%s: read %+v, wrote %+v", name, got, m)
		}
		if !bytes.Equal(file(t, got), data) {
			t.Errorf("%s: written again, the file differs", name)
		}
	}
}

func TestReadONNXRefusesWhatWeDoNotWrite(t *testing.T) {
	for name, change := range map[string]func(g *graph){
		"another operation":        func(g *graph) { g.nodes[3].op = "Neg" },
		"an attribute more":        func(g *graph) { g.nodes[0].attributes = []attribute{{"transA", 1}} },
		"a node more":              func(g *graph) { g.node("Abs", "extra", []string{inputName}) },
		"a node less":              func(g *graph) { g.nodes = g.nodes[1:] },
		"inputs swapped":           func(g *graph) { n := g.nodes[len(g.nodes)-2].inputs; n[0], n[1] = n[1], n[0] },
		"an initialiser twice":     func(g *graph) { g.constant = append(g.constant, g.constant[0]) },
		"an unused initialiser":    func(g *graph) { g.floats("spare", nil, 1) },
		"one_over_members changed": func(g *graph) { setConstant(g, "one_over_members", 0.7) },
		"lower clip changed":       func(g *graph) { setConstant(g, "clip_low", -3) },
		"threshold above one":      func(g *graph) { setConstant(g, "threshold", 1.5) },
		"other names":              func(g *graph) { g.metadata[0].value = `["A","A","B","C","D"]` },
		"one name too few":         func(g *graph) { g.metadata[0].value = `["A","B","C","D"]` },
		"no names":                 func(g *graph) { g.metadata = g.metadata[1:] },
		"another format":           func(g *graph) { g.metadata[1].value = "temporal-streaming/mlp/2" },
		"another input":            func(g *graph) { g.inputs[0].columns = 7 },
		"no outputs":               func(g *graph) { g.outputs = nil },
	} {
		m := fitted(t, Config{Hidden: []int{3}, Members: 2, Epochs: 1, SignedLog: smallConfig().SignedLog, Bins: 2})
		g, err := m.graph()
		if err != nil {
			t.Fatal(err)
		}
		change(g)
		if _, err := ReadONNX(g.encode()); !errors.Is(err, ErrONNX) {
			t.Errorf("%s: got %v, want ErrONNX", name, err)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q is not one sentence", name, err)
		}
		if _, err := Evaluate(g.encode(), make([]float32, 5), 1); !errors.Is(err, ErrONNX) {
			t.Errorf("%s: Evaluate got %v, want ErrONNX", name, err)
		}
	}
}

func setConstant(g *graph, name string, value float32) {
	for i, c := range g.constant {
		if c.name == name {
			var other graph
			other.floats(name, nil, value)
			g.constant[i] = other.constant[0]
		}
	}
}

func TestReadONNXRefusesBytesThatAreNotOurs(t *testing.T) {
	whole := file(t, untrained(4, 1, 3))
	for name, data := range map[string][]byte{
		"nothing":          nil,
		"text":             []byte("a model, honestly"),
		"cut short":        whole[:len(whole)/2],
		"something behind": append(bytes.Clone(whole), message(nil).text(6, "doc")...),
		"another producer": bytes.Replace(whole, []byte(producerName), []byte("temporal_streaming"), 1),
		"too large":        make([]byte, maxFile+1),
	} {
		if _, err := ReadONNX(data); !errors.Is(err, ErrONNX) {
			t.Errorf("%s: got %v, want ErrONNX", name, err)
		}
	}
}

func FuzzReadONNX(f *testing.F) {
	f.Add(file(f, untrained(3, 2, 2)))
	f.Add(file(f, untrained(1, 1)))
	f.Add(file(f, fitted(f, Config{Hidden: []int{2}, Members: 1, Epochs: 1, Bins: 2})))
	golden, err := os.ReadFile("testdata/golden.onnx")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ReadONNX(data)
		if err != nil {
			if !errors.Is(err, ErrONNX) {
				t.Errorf("got %v, want ErrONNX", err)
			}
			return
		}
		again, err := ReadONNX(file(t, m))
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("what was read cannot be written and read again: %v", err)
		}
		if m.Parameters() > 4096 {
			return
		}
		x := make([]float32, 2*m.Width())
		p, err := Evaluate(data, x, 2)
		if err != nil {
			t.Fatal(err)
		}
		NewScorer(m, 2).Score(x, 2, p)
	})
}
