package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// ErrONNX is returned when a file is not a model that this program wrote. Train and export it anew.
var ErrONNX = errors.New("not a model of this program")

// maxFile bounds the file, and with it the memory that reading takes.
const maxFile = 64 << 20

// ReadONNX reads a file that [Model.ONNX] wrote. It takes the values out of the initialisers by name, lays the model out again, and
// accepts the file only if that gives the same graph, node by node and bit by bit; so nothing in a file can be ignored. Its
// error wraps [ErrONNX] and says what differs.
func ReadONNX(file []byte) (*Model, error) {
	m, _, err := readGraph(file)
	return m, err
}

func readGraph(file []byte) (*Model, *graph, error) {
	if len(file) > maxFile {
		return nil, nil, refuse("%d bytes, want at most %d", len(file), maxFile)
	}
	g, err := decodeGraph(file)
	if err != nil {
		return nil, nil, err
	}
	m, err := g.model()
	if err != nil {
		return nil, nil, err
	}
	if err := m.Validate(); err != nil {
		return nil, nil, fmt.Errorf("read ONNX: %w: %w", err, ErrONNX)
	}
	want, err := m.graph()
	if err != nil {
		return nil, nil, err
	}
	return m, g, g.same(want)
}

// model collects the values. It need not doubt the structure, which is compared afterwards; only what it indexes.
func (g *graph) model() (*Model, error) {
	m := &Model{}
	for _, meta := range g.metadata {
		switch {
		case meta.key == metaFormat && meta.value != formatName:
			return nil, refuse("its format is %q, want %q", meta.value, formatName)
		case meta.key == metaFeatures:
			if err := json.Unmarshal([]byte(meta.value), &m.Features); err != nil {
				return nil, refuse("its feature names are not a JSON list of texts")
			}
		}
	}
	named := make(map[string]constant, len(g.constant))
	for _, c := range g.constant {
		if _, twice := named[c.name]; twice {
			return nil, refuse("initialiser %q stands twice", c.name)
		}
		named[c.name] = c
	}
	p := &m.Preparation
	p.Mean, p.Scale = named["mean"].floats(), named["scale"].floats()
	p.SignedLog = make([]bool, len(m.Features))
	if raw := named[signedLogName].raw; len(raw) == len(p.SignedLog) {
		for i, b := range raw {
			p.SignedLog[i] = b != 0
		}
	}
	over, under := named[ratioOverName].ints(), named[ratioUnderName].ints()
	if len(over) != len(under) {
		return nil, refuse("%d and %d values describe its ratios", len(over), len(under))
	}
	for i := range over {
		p.Ratios = append(p.Ratios, Ratio{int(over[i]), int(under[i])})
	}
	p.Clip, m.Threshold = named["clip_high"].scalar(), named["threshold"].scalar()
	columns, low, slope := named["bin_column"].ints(), named["bin_low"].floats(), named["bin_slope"].floats()
	if len(low) != len(columns) || len(slope) != len(columns) {
		return nil, refuse("%d, %d and %d values describe its bins", len(columns), len(low), len(slope))
	}
	for i, c := range columns {
		p.Bins = append(p.Bins, Bin{int(c), low[i], slope[i]})
	}
	for len(m.Members) <= maxMembers {
		member := memberOf(named, len(m.Members))
		if len(member.Layers) == 0 {
			break
		}
		m.Members = append(m.Members, member)
	}
	return m, nil
}

func memberOf(named map[string]constant, index int) MLP {
	var n MLP
	for len(n.Layers) <= maxLayers {
		name := fmt.Sprintf("member%d.layer%d", index, len(n.Layers))
		weights, found := named[name+".weights"]
		if !found || len(weights.dims) != 2 {
			break
		}
		n.Layers = append(n.Layers, Layer{
			In: int(weights.dims[0]), Out: int(weights.dims[1]), Weights: weights.floats(), Bias: named[name+".bias"].floats(),
		})
	}
	return n
}

// scalar is the first value; a missing constant reads as 0, which the comparison finds.
func (c constant) scalar() float32 {
	if len(c.raw) < 4 {
		return 0
	}
	return c.floats()[0]
}

// same says where g differs from the graph that its values ask for.
func (g *graph) same(want *graph) error {
	if g.name != want.name {
		return refuse("its graph is named %q, want %q", g.name, want.name)
	}
	sorted := slices.Clone(g.metadata)
	slices.SortFunc(sorted, func(a, b metadata) int { return bytes.Compare([]byte(a.key), []byte(b.key)) })
	if !slices.Equal(sorted, want.metadata) {
		return refuse("its metadata differs from what we write")
	}
	if !slices.Equal(g.inputs, want.inputs) || !slices.Equal(g.outputs, want.outputs) {
		return refuse("its inputs or outputs are not %s [%s, %d] to %s and %s", inputName, batchName, want.inputs[0].columns, outputName, labelName)
	}
	if len(g.nodes) != len(want.nodes) || len(g.constant) != len(want.constant) {
		return refuse("it has %d nodes and %d initialisers, want %d and %d", len(g.nodes), len(g.constant), len(want.nodes), len(want.constant))
	}
	for i, n := range g.nodes {
		w := want.nodes[i]
		if n.op != w.op || n.name != w.name || n.output != w.output || !slices.Equal(n.inputs, w.inputs) || !slices.Equal(n.attributes, w.attributes) {
			return refuse("node %d is %s %q, and differs from our %s %q", i, n.op, n.name, w.op, w.name)
		}
	}
	for i, c := range g.constant {
		w := want.constant[i]
		if c.name != w.name || c.kind != w.kind || !slices.Equal(c.dims, w.dims) || !bytes.Equal(c.raw, w.raw) {
			return refuse("initialiser %d is %q %v, and differs from our %q %v", i, c.name, c.dims, w.name, w.dims)
		}
	}
	return nil
}
