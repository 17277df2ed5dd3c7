package model

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// network is one member as a Gorgonia graph of a fixed batch size. With a loss it also has labels, weights, dropout masks,
// and the loss' gradients; without, it is the forward pass alone.
//
// The backing slices are shared with Gorgonia's tensors: writing params[i] or x before run is how values go in. Matrices of the batch
// are padded, see dense: rows to a multiple of tileRows, and columns to one of panelColumns but for x.
type network struct {
	machine *machine
	batch   int
	inputs  int // standardised features of a row of x

	x, y, w []float32   // [rows, inputs], [rows, 1], [rows, 1]
	masks   [][]float32 // per hidden layer [rows, columns]; 0 or 1/(1-dropout); nil without dropout
	params  [][]float32 // weights and bias of each layer in turn
	decayed []bool      // per parameter: weights decay, biases do not

	learnables gorgonia.Nodes
	gradients  gorgonia.Nodes
	logit      gorgonia.Value
	loss       gorgonia.Value
	vm         gorgonia.VM
}

// newNetwork builds the graph, computed on a machine, for rows that e encodes, and layers of the given widths: widths[0] encoded values, then the hidden layers, then
// 1.
func newNetwork(on *machine, e *encoder, widths []int, batch int, dropout float64, l *loss) (*network, error) {
	n := &network{machine: on, batch: batch, inputs: e.features}
	rows := padTo(batch, tileRows)
	g := gorgonia.NewGraph()
	b := builder{g: g}
	var hidden *gorgonia.Node
	hidden, n.x = b.matrix("x", rows, n.inputs)
	columns := n.inputs
	for i := 1; i < len(widths); i++ {
		weights, weightsData := b.matrix(fmt.Sprintf("w%d", i), widths[i-1], widths[i])
		bias, biasData := b.matrix(fmt.Sprintf("b%d", i), 1, widths[i])
		n.params = append(n.params, weightsData, biasData)
		n.decayed = append(n.decayed, true, false)
		n.learnables = append(n.learnables, weights, bias)
		layer := &dense{name: fmt.Sprintf("layer %d", i), machine: on, rows: rows, in: widths[i-1], out: widths[i],
			inColumns: columns, columns: padTo(widths[i], panelColumns), floor: noFloor}
		var mask *gorgonia.Node
		if i < len(widths)-1 {
			layer.floor = 0
			if l != nil && dropout > 0 {
				var maskData []float32
				mask, maskData = b.matrix(fmt.Sprintf("mask%d", i), rows, layer.columns)
				n.masks = append(n.masks, maskData)
				layer.keep = keptScale(dropout)
			}
		}
		if i == 1 {
			layer.encoder = e
		}
		columns = layer.columns
		from := hidden
		hidden = b.apply(func() (*gorgonia.Node, error) { return layer.node(from, weights, bias, mask) })
	}
	b.read(hidden, &n.logit)
	if l != nil {
		var label, weight *gorgonia.Node
		label, n.y = b.matrix("y", rows, 1)
		weight, n.w = b.matrix("w", rows, 1)
		loss := b.apply(func() (*gorgonia.Node, error) { return lossNode(hidden, label, weight, columns, batch, *l) })
		b.read(loss, &n.loss)
		n.gradients = b.gradients(loss, n.learnables)
	}
	if b.err != nil {
		return nil, fmt.Errorf("build network %v: %w", widths, b.err)
	}
	n.vm = gorgonia.NewTapeMachine(g)
	return n, nil
}

// run executes the graph once. Where it trains, gradient(i) is valid until the next run.
func (n *network) run() error {
	n.vm.Reset()
	if err := n.vm.RunAll(); err != nil {
		return fmt.Errorf("run network: %w", err)
	}
	return nil
}

// logits writes the outputs of the last run's first rows to out.
func (n *network) logits(out []float32) {
	padded := n.logit.Data().([]float32)
	for i := range out {
		out[i] = padded[i*panelColumns]
	}
}

// gradient of the loss by parameter i in the last run.
func (n *network) gradient(i int) ([]float32, error) {
	gradient, ok := n.gradients[i].Value().Data().([]float32)
	if !ok || len(gradient) != len(n.params[i]) {
		return nil, fmt.Errorf("gradient of %s: a %T that does not fit", n.learnables[i].Name(), n.gradients[i].Value())
	}
	return gradient, nil
}

func (n *network) close() error { return n.vm.Close() }

// builder applies Gorgonia's operations and keeps the first error, so that the network above reads as the formula it is.
type builder struct {
	g   *gorgonia.ExprGraph
	err error
}

func (b *builder) matrix(name string, rows, columns int) (*gorgonia.Node, []float32) {
	data := make([]float32, rows*columns)
	value := tensor.New(tensor.WithShape(rows, columns), tensor.WithBacking(data))
	return gorgonia.NewMatrix(b.g, tensor.Float32, gorgonia.WithShape(rows, columns), gorgonia.WithName(name), gorgonia.WithValue(value)), data
}

func (b *builder) apply(op func() (*gorgonia.Node, error)) *gorgonia.Node {
	if b.err != nil {
		return nil
	}
	node, err := op()
	b.err = err
	return node
}

func (b *builder) read(x *gorgonia.Node, into *gorgonia.Value) {
	if b.err == nil {
		gorgonia.Read(x, into)
	}
}

func (b *builder) gradients(loss *gorgonia.Node, learnables gorgonia.Nodes) (nodes gorgonia.Nodes) {
	if b.err == nil {
		nodes, b.err = gorgonia.Grad(loss, learnables...)
	}
	return nodes
}
