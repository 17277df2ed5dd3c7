package model

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
)

// graph is the part of an ONNX model that we write and read: see onnx.proto3 for the meaning of every field.
type graph struct {
	metadata []metadata
	name     string
	nodes    []node
	constant []constant
	inputs   []port
	outputs  []port
}

type metadata struct{ key, value string }

type node struct {
	op, name   string
	inputs     []string
	output     string
	attributes []attribute // integers only
}

type attribute struct {
	name  string
	value int64
}

// constant is an initialiser; raw holds its elements little-endian.
type constant struct {
	name string
	kind elementKind
	dims []int64
	raw  []byte
}

// port is an input or output of the graph, [batch, columns].
type port struct {
	name    string
	kind    elementKind
	columns int64
}

type elementKind int32

const (
	float32Kind elementKind = 1
	int64Kind   elementKind = 7
	boolKind    elementKind = 9
)

// Names that the file and its readers agree on.
const (
	formatName     = "temporal-streaming/mlp/1"
	metaFormat     = "format"
	metaFeatures   = "features"
	graphName      = "classifier"
	inputName      = "input"
	outputName     = "probability"
	labelName      = "label"
	batchName      = "batch"
	opsetVersion   = 17
	irVersion      = 8
	producerName   = "temporal-streaming"
	signedLogName  = "signed_log"
	ratioOverName  = "ratio_over"
	ratioUnderName = "ratio_under"
)

// graph lays the model out node by node, in the order and with the arithmetic of [Preparation].
func (m *Model) graph() (*graph, error) {
	features, err := json.Marshal(m.Features)
	if err != nil {
		return nil, fmt.Errorf("encode feature names: %w", err)
	}
	f := int64(m.Width())
	g := &graph{
		name:     graphName,
		metadata: []metadata{{metaFeatures, string(features)}, {metaFormat, formatName}},
		inputs:   []port{{inputName, float32Kind, f}},
		outputs:  []port{{outputName, float32Kind, 1}, {labelName, int64Kind, 1}},
	}
	prepared := m.Preparation.describe(g, inputName)
	var probabilities []string
	for i, member := range m.Members {
		probabilities = append(probabilities, member.describe(g, fmt.Sprintf("member%d", i), prepared))
	}
	g.node("Sum", "sum", probabilities)
	g.node("Mul", outputName, []string{"sum", g.floats("one_over_members", nil, 1/float32(len(m.Members)))})
	g.node("GreaterOrEqual", "reached", []string{outputName, g.floats("threshold", nil, m.Threshold)})
	g.node("Cast", labelName, []string{"reached"}, attribute{"to", int64(int64Kind)})
	return g, nil
}

func (p *Preparation) describe(g *graph, x string) string {
	f, all := int64(len(p.SignedLog)), int64(len(p.Mean))
	logged := len(p.Ratios) > 0
	for _, is := range p.SignedLog {
		logged = logged || is
	}
	if logged {
		g.node("Abs", "magnitude", []string{x})
		g.node("Add", "one_plus", []string{"magnitude", g.floats("one", nil, 1)})
		g.node("Log", "log", []string{"one_plus"})
		g.node("Sign", "sign", []string{x})
		g.node("Mul", "log_signed", []string{"log", "sign"})
		g.node("Where", "scaled", []string{g.bools(signedLogName, []int64{1, f}, p.SignedLog), "log_signed", x})
		x = "scaled"
	}
	if len(p.Ratios) > 0 {
		over, under := make([]int64, len(p.Ratios)), make([]int64, len(p.Ratios))
		for i, r := range p.Ratios {
			over[i], under[i] = int64(r.Over), int64(r.Under)
		}
		g.node("Gather", "over", []string{"log_signed", g.ints(ratioOverName, over)}, attribute{"axis", 1})
		g.node("Gather", "under", []string{"log_signed", g.ints(ratioUnderName, under)}, attribute{"axis", 1})
		g.node("Sub", "ratio", []string{"over", "under"})
		g.node("Concat", "with_ratios", []string{x, "ratio"}, attribute{"axis", 1})
		x = "with_ratios"
	}
	g.node("Sub", "centred", []string{x, g.floats("mean", []int64{1, all}, p.Mean...)})
	g.node("Mul", "standard", []string{"centred", g.floats("scale", []int64{1, all}, p.Scale...)})
	g.node("Clip", "clipped", []string{"standard", g.floats("clip_low", nil, -p.Clip), g.floats("clip_high", nil, p.Clip)})
	if len(p.Bins) == 0 {
		return "clipped"
	}
	columns, low, slope := make([]int64, len(p.Bins)), make([]float32, len(p.Bins)), make([]float32, len(p.Bins))
	for i, b := range p.Bins {
		columns[i], low[i], slope[i] = int64(b.Column), b.Low, b.Slope
	}
	width := []int64{1, int64(len(p.Bins))}
	g.node("Gather", "bin_value", []string{"clipped", g.ints("bin_column", columns)}, attribute{"axis", 1})
	g.node("Sub", "bin_offset", []string{"bin_value", g.floats("bin_low", width, low...)})
	g.node("Mul", "bin_share", []string{"bin_offset", g.floats("bin_slope", width, slope...)})
	g.node("Clip", "bin", []string{"bin_share", g.floats("bin_empty", nil, 0), g.floats("bin_full", nil, 1)})
	g.node("Concat", "encoded", []string{"clipped", "bin"}, attribute{"axis", 1})
	return "encoded"
}

func (n MLP) describe(g *graph, prefix, x string) string {
	for i, l := range n.Layers {
		name := fmt.Sprintf("%s.layer%d", prefix, i)
		weights := g.floats(name+".weights", []int64{int64(l.In), int64(l.Out)}, l.Weights...)
		bias := g.floats(name+".bias", []int64{int64(l.Out)}, l.Bias...)
		g.node("Gemm", name+".affine", []string{x, weights, bias})
		x = name + ".affine"
		if i+1 < len(n.Layers) {
			g.node("Relu", name+".relu", []string{x})
			x = name + ".relu"
		}
	}
	g.node("Sigmoid", prefix+".probability", []string{x})
	return prefix + ".probability"
}

// node appends an operation that is named after its only output.
func (g *graph) node(op, output string, inputs []string, attributes ...attribute) {
	g.nodes = append(g.nodes, node{op: op, name: output, inputs: inputs, output: output, attributes: attributes})
}

// floats appends a constant and returns its name; nil dims make it a scalar.
func (g *graph) floats(name string, dims []int64, values ...float32) string {
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	g.constant = append(g.constant, constant{name, float32Kind, dims, raw})
	return name
}

func (g *graph) ints(name string, values []int64) string {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	g.constant = append(g.constant, constant{name, int64Kind, []int64{int64(len(values))}, raw})
	return name
}

func (g *graph) bools(name string, dims []int64, values []bool) string {
	raw := make([]byte, len(values))
	for i, v := range values {
		if v {
			raw[i] = 1
		}
	}
	g.constant = append(g.constant, constant{name, boolKind, dims, raw})
	return name
}

func (c constant) floats() []float32 {
	values := make([]float32, len(c.raw)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(c.raw[4*i:]))
	}
	return values
}

func (c constant) ints() []int64 {
	values := make([]int64, len(c.raw)/8)
	for i := range values {
		values[i] = int64(binary.LittleEndian.Uint64(c.raw[8*i:]))
	}
	return values
}

// elements is the product of dims, or -1 where a dim is negative or the product larger than any file may be.
func (c constant) elements() int64 {
	n := int64(1)
	for _, d := range c.dims {
		if d < 0 || d > maxFile || n*d > maxFile {
			return -1
		}
		n *= d
	}
	return n
}

func (k elementKind) size() int64 {
	switch k {
	case float32Kind:
		return 4
	case int64Kind:
		return 8
	case boolKind:
		return 1
	}
	return -1
}
